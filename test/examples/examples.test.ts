import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { runWell } from '../../lib/bench/process.ts'
import { cuttingDoor, forgetfulDoor } from '../support/bad-doors.ts'
import { nodeProcess, wadiDev } from '../support/dev-server.ts'
import { fetchTopic } from '../support/fetch.ts'
import { environmentOfBundle } from '../support/lambda-environment.ts'
import { skipWithout } from '../support/tools.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const examples = readdirSync(folder).filter((name) => !name.endsWith('.test.ts'))
const timeoutMs = 60_000

type Around = { readonly environment: Readonly<Record<string, string>>; readonly input?: string }

/** Runs an example to its end; the lines that it printed. */
const run = async (name: string, around: Around): Promise<readonly string[]> => {
  const command = name.endsWith('.sh') ? 'sh' : process.execPath
  const out = await runWell({ command, args: [`${folder}/${name}`] }, { timeoutMs, ...around })
  return out.toString().trimEnd().split('\n')
}

/** The values of a topic, partition by partition. */
const valuesOf = async (bootstrap: string, topic: string): Promise<readonly unknown[]> =>
  (await fetchTopic(bootstrap, topic)).map(({ value = 'null' }) => JSON.parse(value))

describe('examples', { timeout: 2 * timeoutMs }, () => {
  test.for(examples)('%s is short, says how it is run, and can be copied', (name) => {
    const text = readFileSync(`${folder}/${name}`, 'utf8')
    expect(text.trimEnd().split('\n').length).toBeLessThan(40)
    expect(text).toMatch(/^((\/\/|#) .*\n){2,5}/)
    expect(text).toContain('Against `npm start`:')
    expect(text).toContain(`test/examples/${name}`)
    const own = [...text.matchAll(/from '(\..*)'/g)].map(([, file]) => file)
    expect(own).toEqual(name === 'kafkajs-without-tcp.ts' ? ['../../lib/kafkajs.ts'] : [])
  })

  test.skipIf(skipWithout('curl'))('quickstart.sh makes a topic, appends to it, reads and follows it', async () => {
    const server = await wadiDev(['--memory'])
    const lines = await run('quickstart.sh', { environment: { WADI_URL: server.httpUrl, FOLLOW_SECONDS: '10' } })
    const [made, one, several, again, page, found] = lines.filter((line) => line.startsWith('{')).map(parsed)
    expect(made).toMatchObject({ name: 'greetings', partitions: 3, valueFormat: 'json' })
    expect(one).toMatchObject({ offset: 0 })
    expect(several).toMatchObject({ records: [{ offset: 1 }, { offset: 0 }] })
    expect(again).toEqual(several)
    expect(page).toMatchObject({ records: [{ key: 'ada' }, {}, {}], upToDate: true })
    expect(found).toMatchObject({ records: [{ key: 'bob', value: { times: 3 } }], scanned: 3 })
    expect(lines.slice(lines.findIndex((line) => line.startsWith('# The tail'))).join('\n')).toMatch(
      /^id: c1\..*\nevent: record\ndata: \{.*\}\n\nid: c1\..*\nevent: caught-up\n/m,
    )
    const values = await valuesOf(server.bootstrap, 'greetings')
    expect(values.map((value) => JSON.stringify(value)).toSorted()).toEqual([
      '{"says":"hello","times":1}',
      '{"times":2}',
      '{"times":3}',
    ])
  })

  test('kafkajs.ts reads what it has sent, and goes on behind it the next time', async () => {
    const server = await wadiDev(['--memory'])
    const orders = ['{"customer":"ada","total":12}', '{"customer":"ada","total":30}', '{"customer":"bob","total":5}']
    const environment = { WADI_BROKERS: server.bootstrap }
    for (const [ada, bob] of [
      [0, 0],
      [2, 1],
    ] as const) {
      const lines = await run('kafkajs.ts', { environment })
      expect(lines.map((line) => line.replace(/^\d+:/, '')).toSorted(byKey)).toEqual([
        `${ada} ada ${orders[0]}`,
        `${ada + 1} ada ${orders[1]}`,
        `${bob} bob ${orders[2]}`,
      ])
    }
    const stored = await fetchTopic(server.bootstrap, 'orders')
    expect(stored.map(({ value }) => value).toSorted()).toEqual([...orders, ...orders].toSorted())
  })

  test('kafkajs-without-tcp.ts reads over HTTP what it has sent over HTTP', async () => {
    const server = await wadiDev(['--memory'])
    const lines = await run('kafkajs-without-tcp.ts', { environment: { WADI_URL: server.httpUrl } })
    const stored = await fetchTopic(server.bootstrap, 'clicks')
    expect(stored.map(({ value }) => value)).toEqual(['/', '/shop', '/shop/hats'])
    expect(lines).toEqual(stored.map(({ partition, offset, key, value }) => `${partition}:${offset} ${key} ${value}`))
  })

  test('webhook.ts prints every delivery once, however often it was sent', async () => {
    const server = await wadiDev(['--memory'])
    const environment = { WADI_URL: server.httpUrl }
    const branches = ['main', 'fix', 'last']
    expect(await run('webhook.ts', { environment })).toEqual(branches.map((one, i) => `${i} wadi push ${one}`))
    expect(await run('webhook.ts', { environment })).toEqual(branches.map((one, i) => `${3 + i} wadi push ${one}`))
    const values = await valuesOf(server.bootstrap, 'pushes')
    expect(values).toEqual([...branches, ...branches].map((branch) => ({ branch })))
  })

  test('lambda-handler.ts appends an event once, although the answer is lost and Lambda calls again', async () => {
    const server = await wadiDev(['--memory'])
    const door = await forgetfulDoor(server.httpUrl)
    await fetch(`${server.httpUrl}/v1/topics/events`, { method: 'PUT' })
    const environment = await environmentOfBundle(`${folder}/lambda-handler.ts`, { WADI_URL: door.url })
    try {
      const event = stateChange()
      await expect(environment.invoke(event, { timeoutMs })).rejects.toThrow('fetch failed')
      const answer = { partition: 0, offset: 0, timestamp: Date.parse(event.time) }
      expect(await environment.invoke(event, { timeoutMs })).toEqual(answer)
      expect(door.lost()).toBe(1)
      const input = JSON.stringify(stateChange())
      const printed = await run('lambda-handler.ts', { environment: { WADI_URL: server.httpUrl }, input })
      expect(printed.join('')).toContain('offset: 1')
      expect(await fetchTopic(server.bootstrap, 'events')).toMatchObject(
        [0n, 1n].map((offset) => ({ offset, key: 'aws.ec2', value: JSON.stringify(event.detail) })),
      )
    } finally {
      await environment.end()
    }
  })

  test('ledger.ts books as often as the balance allows, although answers are lost', async () => {
    const server = await wadiDev(['--memory'])
    const door = await forgetfulDoor(server.httpUrl)
    const lines = await run('ledger.ts', { environment: { WADI_URL: door.url } })
    const booked = [100, -30, -30, -30]
    expect(lines.filter((line) => line.includes(' books '))).toHaveLength(booked.length)
    expect(lines.filter((line) => line.includes(' is refused 30, there is 10'))).toHaveLength(2)
    expect(door.lost()).toBe(booked.length)
    const values = await valuesOf(server.bootstrap, 'ledger')
    expect(values).toMatchObject(booked.map((amount) => ({ amount })))
    expect(lines.map((line) => line.split(' ')[0]).toSorted()).toEqual(['ada', 'bob', 'cy', 'di', 'ed', 'owner'])
  })

  test('ledger.ts in several processes books what it says, and never more than there is', async () => {
    const server = await wadiDev(['--memory'])
    const door = await forgetfulDoor(server.httpUrl)
    const environment = { WADI_URL: door.url }
    const printed = (await Promise.all([1, 2, 3].map(() => run('ledger.ts', { environment })))).flat()
    const values = await valuesOf(server.bootstrap, 'ledger')
    let balance = 0
    const told = values.map((value) => {
      const { who, amount } = bookingOf(value)
      const line = `${who} books ${amount} on ${balance}`
      balance += amount
      expect(balance).toBeGreaterThanOrEqual(0)
      return line
    })
    expect(printed.filter((line) => line.includes(' books ')).toSorted()).toEqual(told.toSorted())
    expect(printed).toHaveLength(3 * 6)
  })

  const startWorkers = (url: string, ...names: readonly string[]) =>
    names.map((name) => nodeProcess([`${folder}/worker.ts`, name], { WADI_URL: url }))

  test('worker.ts, two of them, end every job once, and what fails twice is a dead letter', async () => {
    const server = await wadiDev(['--memory'])
    const broken = { partition: 2, value: { error: 'no such customer' } }
    const jobs = Array.from({ length: 14 }, (_, id) => ({ partition: id % 3, value: { id, takesMs: 20 } }))
    await append(server.httpUrl, 'jobs', [...jobs, broken])
    const workers = startWorkers(server.httpUrl, 'ada', 'bob')
    const ended = () => workers.flatMap(({ said }) => [...said().matchAll(/ ends (.*)\n/g)].map(([, place]) => place))
    const places = Array.from({ length: 15 }, (_, id) => `${id % 3}:${Math.floor(id / 3)}`)
    await expect.poll(ended, { timeout: timeoutMs }).toHaveLength(16)
    expect(ended().toSorted()).toEqual([...places, '2:4'].toSorted())
    const letters = await ask(`${server.httpUrl}/v1/topics/jobs.work.dlq/records`)
    const headers = { 'wadi.dlq.offset': '4', 'wadi.dlq.attempts': '2', 'wadi.dlq.error': 'no such customer' }
    expect(letters).toMatchObject({ records: [{ value: broken.value, headers }] })
    expect(await ask(`${server.httpUrl}/v1/groups/work/lag`)).toMatchObject({ lag: 0 })
  })

  test('worker.ts extends its lease, and is refused when it comes back after somebody else has taken over', async () => {
    const server = await wadiDev(['--memory'])
    await append(server.httpUrl, 'jobs', [{ partition: 1, value: { takesMs: 6000 } }])
    const [ada] = startWorkers(server.httpUrl, 'ada')
    await ada?.says(/ada begins 1:0\n/)
    const leaseEnd = async () =>
      Number(/"leaseExpiresAt":(\d+)/.exec(JSON.stringify(await ask(`${server.httpUrl}/v1/groups/work`)))?.[1])
    await expect.poll(leaseEnd, { timeout: timeoutMs }).toBeGreaterThan(await leaseEnd())
    ada?.kill('SIGSTOP')
    const [bob] = startWorkers(server.httpUrl, 'bob')
    await bob?.says(/bob ends 1:0\n/)
    ada?.kill('SIGCONT')
    await ada?.says(/ada FENCED 1:0\n/)
    expect(ada?.said()).not.toContain('ends')
    expect(await ask(`${server.httpUrl}/v1/groups/work/lag`)).toMatchObject({ lag: 0 })
  })

  test('sse.ts prints every record once, although the stream is cut in the middle of events', async () => {
    const server = await wadiDev(['--memory'])
    const door = await cuttingDoor(server.httpUrl, 1100)
    const numbered = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => ({ partition: 0, value: { id: from + i } }))
    await append(server.httpUrl, 'orders', numbered(0, 12))
    const follower = nodeProcess([`${folder}/sse.ts`, 'orders'], { WADI_URL: door.url })
    await follower.says(/"offset":11,.*\n/)
    await follower.says(/caught up\n/)
    await append(server.httpUrl, 'orders', numbered(12, 15))
    await follower.says(/"offset":14,.*\n/)
    const records = follower
      .said()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map(parsed)
    expect(records).toMatchObject(Array.from({ length: 15 }, (_, id) => ({ offset: id, value: { id } })))
    expect(door.cuts()).toBeGreaterThan(2)
    follower.kill('SIGINT')
    expect(await follower.ended).toMatchObject({ signal: 'SIGINT' })
  })
})

const ask = async (url: string, method = 'GET', body?: unknown): Promise<unknown> => {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return JSON.parse(text)
}

/** Into a topic of three partitions, which is made when it is not there. */
const append = async (
  url: string,
  topic: string,
  records: readonly { readonly partition: number; readonly value: unknown }[],
): Promise<void> => {
  await ask(`${url}/v1/topics/${topic}`, 'PUT', { partitions: 3 })
  await ask(`${url}/v1/topics/${topic}/records`, 'POST', { records })
}

const parsed = (line: string): unknown => JSON.parse(line)

const byKey = (a: string, b: string): number => (a.slice(2) < b.slice(2) ? -1 : 1)

const bookingOf = (value: unknown): { readonly who: string; readonly amount: number } =>
  JSON.parse(JSON.stringify(value))

/** As EventBridge sends it (Amazon EC2 docs: "EC2 Instance State-change Notification"). */
const stateChange = () => ({
  version: '0',
  id: randomUUID(),
  'detail-type': 'EC2 Instance State-change Notification',
  source: 'aws.ec2',
  account: '111122223333',
  time: `${new Date().toISOString().slice(0, 19)}Z`,
  region: 'eu-central-1',
  resources: ['arn:aws:ec2:eu-central-1:111122223333:instance/i-abcd1111'],
  detail: { 'instance-id': 'i-abcd1111', state: 'pending' },
})
