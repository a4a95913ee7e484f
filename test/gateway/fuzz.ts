import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { freePort } from '../../lib/bench/server.ts'
import { readResponse, writeRequest } from '../../lib/protocol/header.ts'
import { ApiVersions } from '../../lib/protocol/messages/api-versions.ts'
import { CreateTopics } from '../../lib/protocol/messages/create-topics.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { Metadata } from '../../lib/protocol/messages/metadata.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { zeroUuid } from '../../lib/protocol/reader.ts'
import { batch, recordsOf } from '../support/batches.ts'
import { type Chance, chance } from './chance.ts'
import { fuzzFrame, fuzzTopics } from './fuzz-frames.ts'
import { type Mutant, mutateFrame } from './fuzz-mutate.ts'
import { type RawClient, rawClient } from './raw-client.ts'

export type FuzzOptions = {
  readonly seed: number
  readonly frames: number
  /** Told about every tenth of the way. */
  readonly progress?: (line: string) => void
}

export type FuzzReport = {
  readonly frames: number
  /** Mutants after which the connection went on. */
  readonly survived: number
  /** Produce and Fetch of an honest client on one connection all the while, each answered right. */
  readonly honestRoundTrips: number
  /** Memory of the server in MiB (resident set), at every tenth of the way; empty where there is no /proc. */
  readonly memoryMiB: readonly number[]
  /** Lines of the server's log that speak of a bug: stack traces. */
  readonly bugs: readonly string[]
}

const attackers = 32
/** The server must answer or close within this; a frame that lies about its size, or a held Fetch, is not waited for. */
const patienceMs = 100
const stuckAfterMs = 30_000

/** Sends mutated frames to a server of its own, and sees that it lives and serves. Throws when it does not. */
export const fuzz = async ({ seed, frames, progress = () => {} }: FuzzOptions): Promise<FuzzReport> => {
  const server = await startServer()
  try {
    const honest = await honestClient(server.port)
    const memoryMiB: number[] = []
    let sent = 0
    let survived = 0
    let topicIds: readonly string[] = []
    const attack = async (): Promise<void> => {
      while (sent < frames) {
        const number = sent++
        const random = chance(seed + number)
        if (number % 2000 === 0) topicIds = await restoreTopics(server.port)
        if (number % Math.ceil(frames / 10) === 0) {
          memoryMiB.push(...memoryOf(server.pid))
          progress(
            `${number} frames, ${survived} survived, ${memoryMiB.at(-1)} MiB, ${honest.roundTrips()} round trips`,
          )
        }
        const mutant = mutateFrame(fuzzFrame(random, topicIds), random)
        if (await survives(server.port, mutant, random)) survived++
      }
    }
    await Promise.race([Promise.all(Array.from({ length: attackers }, attack)), honest.failed, server.died])
    memoryMiB.push(...memoryOf(server.pid))
    return { frames: sent, survived, honestRoundTrips: await honest.stop(), memoryMiB, bugs: server.bugs() }
  } finally {
    await server.stop()
  }
}

/** One server in a process of its own, in a folder of its own. */
const startServer = async () => {
  const data = mkdtempSync(join(tmpdir(), 'wadi-fuzz-'))
  const port = await freePort()
  const ports = ['--kafka-port', String(port), '--http-port', '0']
  const child = spawn(process.execPath, ['lib/cli/main.ts', 'dev', ...ports, '--data', join(data, 'wadi')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, WADI_AUTO_CREATE_TOPICS: 'false' },
  })
  const bugs: string[] = []
  const ready = Promise.withResolvers<void>()
  createInterface(child.stderr).on('line', (line) => {
    if (line.startsWith('Ctrl-C')) ready.resolve()
    if (/^\s+at |bug/.test(line) && bugs.length < maxBugLines) bugs.push(`${lastLine}\n${line}`)
    lastLine = line
  })
  let lastLine = ''
  const died = once(child, 'exit').then(([status, signal]) => {
    throw new Error(`the server ended: ${status ?? signal}\n${bugs.join('\n')}`)
  })
  died.catch(() => {})
  await Promise.race([ready.promise, died])
  return {
    port,
    pid: child.pid ?? 0,
    died,
    bugs: () => bugs,
    stop: async () => {
      child.kill('SIGKILL')
      await died.catch(() => {})
      rmSync(data, { recursive: true, force: true })
    },
  }
}

const maxBugLines = 50

const memoryOf = (pid: number): readonly number[] => {
  if (process.platform !== 'linux') return []
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return [Math.round(Number(kib) / 1024)]
}

const header = { correlationId: 1, clientId: 'honest' }
const marker = Buffer.concat(writeRequest(ApiVersions, 0, { correlationId: 2 ** 31 - 7, clientId: 'marker' }, {}))

/**
 * Sends a mutant and an honest request behind it. Whether that one was answered; if not, the server has closed the
 * connection, or this client has given up sending and the server has closed it then. Anything else is thrown.
 */
const survives = (port: number, { bytes, sizeLies }: Mutant, random: Chance): Promise<boolean> =>
  new Promise((resolve, reject) => {
    // Closed connections keep their ports for a while: there are more of those on more addresses.
    const localAddress = `127.0.0.${2 + random.below(200)}`
    const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
    const tail: Buffer[] = []
    let isMarked = false
    const patience = setTimeout(() => socket.end(), sizeLies ? 0 : patienceMs)
    const stuck = setTimeout(() => {
      socket.destroy()
      reject(new Error(`the server is stuck at ${bytes.toString('hex')}`))
    }, stuckAfterMs)
    socket.on('data', (chunk) => {
      tail.push(chunk)
      if (!Buffer.concat(tail.slice(-2)).includes(markerReply)) return
      isMarked = true
      socket.end()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(patience)
      clearTimeout(stuck)
      resolve(isMarked)
    })
    socket.write(Buffer.concat([bytes, marker]))
  })

const markerReply = marker.subarray(8, 12)

/** Topics that mutants may have deleted are made again; the ids of all. */
const restoreTopics = async (port: number): Promise<readonly string[]> => {
  const client = await rawClient(port)
  await createTopics(client, fuzzTopics, 3)
  const topics = fuzzTopics.map((name) => ({ name, topicId: zeroUuid }))
  await client.send(Buffer.concat(writeRequest(Metadata, 12, header, { topics })))
  const [reply = Buffer.alloc(0)] = await client.frames(1)
  client.socket.destroy()
  return readResponse(Metadata, 12, reply).body.topics.map(({ topicId }) => topicId)
}

const createTopics = async (client: RawClient, names: readonly string[], numPartitions: number): Promise<void> => {
  const topics = names.map((name) => ({ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }))
  await client.send(Buffer.concat(writeRequest(CreateTopics, 5, header, { topics, timeoutMs: 10_000 })))
  await client.frames(1)
}

/** One connection that produces and fetches all the while, and expects what it wrote. */
const honestClient = async (port: number) => {
  const client = await rawClient(port)
  await createTopics(client, ['honest'], 1)
  let roundTrips = 0
  let isStopped = false
  const roundTrip = async (): Promise<void> => {
    const value = `value ${roundTrips}`
    const produce = { index: 0, records: batch({ value, timestamp: BigInt(Date.now()) }) }
    const topicData = [{ name: 'honest', partitionData: [produce] }]
    const fetch = { partition: 0, fetchOffset: BigInt(roundTrips), partitionMaxBytes: 1 << 20 }
    const topics = [{ topic: 'honest', partitions: [fetch] }]
    const produced = writeRequest(Produce, 7, header, { acks: -1, timeoutMs: 10_000, topicData })
    const fetched = writeRequest(Fetch, 11, header, { maxWaitMs: 5000, minBytes: 1, topics })
    await client.send(Buffer.concat([...produced, ...fetched]))
    const [, reply = Buffer.alloc(0)] = await client.frames(2)
    const { records } = readResponse(Fetch, 11, reply).body.responses[0]?.partitions[0] ?? {}
    const [record] = recordsOf(records ?? Buffer.alloc(0))
    if (record?.value?.toString() !== value) throw new Error(`"${value}" was sent, "${record?.value}" came back`)
    roundTrips++
  }
  const run = (async () => {
    while (!isStopped) await roundTrip()
  })()
  const failed = run.then(() => new Promise<never>(() => {}))
  failed.catch(() => {})
  return {
    failed,
    roundTrips: () => roundTrips,
    stop: async () => {
      isStopped = true
      await run
      client.socket.destroy()
      return roundTrips
    },
  }
}

// As a program: node test/gateway/fuzz.ts --frames 1000000 --seed 1
if (import.meta.main) {
  const { values } = parseArgs({ options: { frames: { type: 'string' }, seed: { type: 'string' } } })
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  say(`seed ${seed}`)
  const report = await fuzz({ seed, frames: Number(values.frames ?? 1_000_000), progress: say })
  say(JSON.stringify(report, undefined, 2))
  process.exitCode = report.bugs.length === 0 ? 0 : 1
}
