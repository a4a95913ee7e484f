/**
 * Mutated requests against the HTTP API, in process: nothing but honest 503 and 504 above 499, no stack trace, no hang.
 *
 *     node test/http/fuzz.ts --requests 200000 [--seed 7]
 */
import { parseArgs } from 'node:util'
import type { Hono } from 'hono'
import { everybody } from '../../lib/http/auth.ts'
import { serverApp } from '../../lib/http/server-app.ts'
import { type Fault, faultyItems } from '../../lib/store/faults.ts'
import { memoryItems } from '../../lib/store/memory.ts'
import { type Chance, chance } from '../gateway/chance.ts'
import { FixedClock } from '../support/log.ts'
import { type Made, makeRequest } from './fuzz-requests.ts'
import { httpWorld } from './world.ts'

type Finding = { readonly request: string; readonly problem: string }

export type HttpFuzzReport = {
  readonly finding: Finding | undefined
  /** Answers that say that a store did not answer: 503 and 504. */
  readonly outages: number
}

/** A world is thrown away after this many requests: its topics would only grow. The stores of every other one fail in its second half. */
const requestsPerWorld = 200
const restoreEvery = 100

/** What may happen to a call of a store: there is no answer, or nobody knows what came of it. */
const faults: readonly [Fault, ...Fault[]] = [
  { fault: 'drop-before' },
  { fault: 'drop-after' },
  { fault: 'throttle' },
  { fault: 'twice' },
]

/** What is wrong with an answer; undefined when nothing is. */
const wrongWith = async (
  app: Hono,
  made: Made,
  isFlaky: boolean,
  heard: (answer: Heard) => void,
): Promise<string | undefined> => {
  const { method, path, headers: sent, body } = made
  let request: Request
  try {
    request = new Request(`http://127.0.0.1${path}`, {
      method,
      headers: { host: '127.0.0.1', ...sent },
      body: body.length > 0 ? new Uint8Array(body) : null,
    })
  } catch {
    // Nobody could send it either.
    return undefined
  }
  const answer = await answerWithin(app, request)
  if (answer === undefined) return `no answer within ${stuckAfterMs} ms`
  const { status, text } = answer
  heard(answer)
  if (status >= 500 && !(isFlaky && (status === 503 || status === 504))) return `${status} ${text.slice(0, 200)}`
  if (/\n\s+at .+:\d+:\d+|node:internal|\/lib\/http\//.test(text)) return `a stack trace: ${text.slice(0, 300)}`
  if (status >= 400 && method !== 'HEAD' && !isTold(path, text)) return `${status} says nothing: ${text.slice(0, 200)}`
  return undefined
}

/** Whether an error has the form that its path has. */
const isTold = (path: string, text: string): boolean =>
  /^\/(kafka\/)?v3\//.test(path) ? /"error_code":\d+,"message":"[^"]/.test(text) : /"code":"[A-Z_]+"/.test(text)

const stuckAfterMs = 20_000

type Heard = { readonly status: number; readonly text: string }

/** The whole answer; undefined where there is none. */
const answerWithin = async (app: Hono, request: Request): Promise<Heard | undefined> => {
  const stuck = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => stuck.resolve(undefined), stuckAfterMs)
  const whole = async () => {
    const answer = await app.fetch(request, { incoming: { socket: { remoteAddress: '127.0.0.1' } } })
    return { status: answer.status, text: await answer.text() }
  }
  try {
    return await Promise.race([whole(), stuck.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** The app of a server that asks nobody for a key, over stores that sometimes fail. */
const flakyWorld = async (dice: Chance, isFlaky: () => boolean) => {
  const clock = new FixedClock()
  const decide = (): Fault => (isFlaky() && dice.oneIn(4) ? dice.pick(faults) : { fault: 'pass' })
  const items = faultyItems(memoryItems(), { decide, sleep: (ms) => clock.sleep(ms) })
  const world = httpWorld({}, { clock, items })
  const { broker, app: api, logged, lines, ask } = world
  const app = serverApp({ broker, access: everybody, api, log: (line) => logged.push(line) })
  const { body } = await ask('GET', '/v3/clusters')
  /** Topics that requests have deleted are there again; the ids of those that Kafka's frames name. */
  const restore = async (): Promise<readonly string[]> => {
    for (const [name, partitions, valueFormat] of topics) {
      await ask('PUT', `/v1/topics/${name}`, { body: { partitions, valueFormat } })
    }
    const records = Array.from({ length: 20 }, (_, i) => ({ value: `v${i}`, partition: i % 2 }))
    await ask('POST', '/v1/topics/orders/records', { body: { records } })
    const found = await Promise.all(['orders', 'fuzz-0', 'fuzz-1'].map((name) => world.context.topics.find(name)))
    return found.flatMap((topic) => (topic === undefined ? [] : [topic.id]))
  }
  return { app, clock, logged, lines, clusterId: String(body.data[0].cluster_id), restore }
}

const topics = [
  ['orders', 2, 'auto'],
  ['json', 1, 'json'],
  ['many', 40, 'auto'],
  ['fuzz-0', 2, 'auto'],
  ['fuzz-1', 1, 'auto'],
] as const

/** What the log tells of stores that do not answer is no bug. */
const outage = /^(StoreUnavailable|OutcomeUnknown)\b/

/** Sends so many requests, the same for the same seed; ends at the first that is answered wrongly. */
export const fuzzHttp = async (requests: number, seed: number): Promise<HttpFuzzReport> => {
  const dice = chance(seed)
  let world: Awaited<ReturnType<typeof flakyWorld>> | undefined
  let isFlaky = false
  let outages = 0
  let topicIds: readonly string[] = []
  let lease = '1-none'
  for (let i = 0; i < requests; i++) {
    if (world === undefined || i % requestsPerWorld === 0) {
      isFlaky = false
      world = await flakyWorld(dice, () => isFlaky)
    }
    isFlaky = i % (2 * requestsPerWorld) >= requestsPerWorld && i % requestsPerWorld > requestsPerWorld / 2
    const { app, clock, clusterId, logged, lines } = world
    if (i % restoreEvery === 0 && !isFlaky) topicIds = await world.restore()
    const made = makeRequest(dice, { clusterId, topicIds, nowMs: clock.now(), lease })
    const problem = await wrongWith(app, made, isFlaky, ({ status, text }) => {
      if (status === 503 || status === 504) outages += 1
      lease = /"lease":"([^"]+)"/.exec(text)?.[1] ?? lease
    })
    const bug = lines.find((line) => /bug|\n\s+at /.test(line) && !outage.test(line))
    if (problem !== undefined || bug !== undefined) {
      const request = JSON.stringify({ ...made, body: made.body.toString('latin1') })
      return {
        finding: { request: `${i}: ${request}`, problem: `${problem}\n${[...logged, bug].join('\n')}` },
        outages,
      }
    }
    if (dice.oneIn(20)) clock.move(dice.below(2000))
  }
  return { finding: undefined, outages }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { requests: { type: 'string', default: '200000' }, seed: { type: 'string', default: '1' } },
  })
  const { finding, outages } = await fuzzHttp(Number(values.requests), Number(values.seed))
  process.stdout.write(
    finding
      ? `seed ${values.seed}: ${finding.request}\n${finding.problem}\n`
      : `${values.requests} requests, ${outages} of them met stores that do not answer, nothing found\n`,
  )
  process.exitCode = finding ? 1 : 0
}
