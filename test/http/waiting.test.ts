import { once } from 'node:events'
import { expect, test } from 'vitest'
import { realClock } from '../../lib/clock.ts'
import { decodeCursor } from '../../lib/http/cursor.ts'
import { growthOf } from '../../lib/http/growth.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { FixedClock } from '../support/log.ts'
import { httpWorld } from './world.ts'

/**
 * Sleeps after which somebody would look again by himself do not end: who goes on was woken. `asleep` resolves when the
 * next one of them begins.
 */
const onlyByBell = () => {
  let toldAsleep = (): void => {}
  const sleep = async (ms: number, wake: AbortSignal): Promise<void> => {
    if (ms < 1000) return realClock.sleep(ms, wake)
    toldAsleep()
    if (!wake.aborted) await once(wake, 'abort')
  }
  const asleep = () =>
    new Promise<void>((resolve) => {
      toldAsleep = resolve
    })
  return { sleep, asleep }
}

const world = async (options: Partial<Parameters<typeof httpWorld>[0]> = {}) => {
  const items = memoryItems()
  const objects = memoryObjects(() => realClock.now())
  const logs = new Logs({ items, objects, clock: realClock, instance: 'one' })
  const { sleep, asleep } = onlyByBell()
  const growth = growthOf((grown) => logs.watch((id) => grown(id)), sleep)
  const made = httpWorld({ growth, ...options }, { items, objects, logs })
  await made.ask('PUT', '/v1/topics/orders')
  const send = (value: unknown) => made.ask('POST', '/v1/topics/orders/records', { body: { value } })
  /** Reads events until as many have come as are wanted, then goes away. */
  const events = async (query: string, wanted: number, headers: Readonly<Record<string, string>> = {}) => {
    const answer = await made.app.request(`/v1/topics/orders/records${query}`, {
      headers: { accept: 'text/event-stream', ...headers },
    })
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    const found: { event: string; id: string; data: { value?: unknown } }[] = []
    let text = ''
    const decoder = new TextDecoder()
    if (answer.body === null) throw new Error('a stream has a body')
    for await (const chunk of answer.body) {
      text += decoder.decode(chunk)
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const fields = Object.fromEntries(
          text
            .slice(0, end)
            .split('\n')
            .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
        )
        text = text.slice(end + 2)
        if (fields['event']) {
          found.push({ event: fields['event'], id: fields['id'] ?? '', data: JSON.parse(fields['data'] ?? '') })
        }
      }
      if (found.length >= wanted) break
    }
    return found
  }
  return { ...made, send, events, asleep }
}

test('a read that waits is answered as soon as there is a record', async () => {
  const { ask, send, asleep } = await world()
  const isAsleep = asleep()
  const reading = ask('GET', '/v1/topics/orders/records?from=latest&wait=20000')
  await isAsleep
  await send('a')
  expect((await reading).body).toMatchObject({ records: [{ value: 'a' }], upToDate: true })
})

test('what is sent to another topic, or is not wanted, does not end a wait', async () => {
  const { ask, send, asleep } = await world()
  await ask('PUT', '/v1/topics/others')
  const [isAsleep, where] = [asleep(), encodeURIComponent('value == "b"')]
  const reading = ask('GET', `/v1/topics/orders/records?wait=20000&where=${where}`)
  await isAsleep
  await ask('POST', '/v1/topics/others/records', { body: { value: 'b' } })
  const isAsleepAgain = asleep()
  await send('a')
  await isAsleepAgain
  await send('b')
  expect((await reading).body).toMatchObject({ records: [{ offset: 1, value: 'b' }], scanned: 2 })
})

test('a read that waits in vain says that there is nothing', async () => {
  const { ask } = await world()
  const { body } = await ask('GET', '/v1/topics/orders/records?wait=1')
  expect(body).toMatchObject({ records: [], upToDate: true })
})

test('events are what is there, that there is no more, and what comes then', async () => {
  const { send, events, asleep } = await world()
  await send('a')
  const isAsleep = asleep()
  const reading = events('', 4)
  await isAsleep
  await send('b')
  const names = (await reading).map(({ event, data }) => (event === 'record' ? data.value : event))
  expect(names).toEqual(['a', 'caught-up', 'b', 'caught-up'])
})

test('events go on behind the last one that was seen', async () => {
  const { ask, events } = await world()
  const records = [{ value: 'a' }, { value: 'b' }, { value: 'c' }]
  await ask('POST', '/v1/topics/orders/records', { body: { records } })
  const found = await events('', 4)
  expect(found.map(({ event }) => event)).toEqual(['record', 'record', 'record', 'caught-up'])
  const rest = await events('', 2, { 'last-event-id': found[1]?.id ?? '' })
  expect(rest.map(({ data }) => data.value)).toEqual(['c', undefined])
  expect(
    (
      await ask('GET', '/v1/topics/orders/records', {
        headers: { accept: 'text/event-stream', 'last-event-id': 'c1.x' },
      })
    ).status,
  ).toBe(410)
})

test('a stream ends with the server', async () => {
  const stopping = new AbortController()
  const { events, asleep } = await world({ stopping: stopping.signal })
  const isAsleep = asleep()
  const reading = events('', 100)
  await isAsleep
  stopping.abort()
  expect((await reading).map(({ event }) => event)).toEqual(['caught-up'])
})

test('without a way to wait a stream ends when it has caught up', async () => {
  const world = httpWorld()
  await world.ask('PUT', '/v1/topics/orders')
  const answer = await world.ask('GET', '/v1/topics/orders/records', { headers: { accept: 'text/event-stream' } })
  expect(answer.text).toMatch(/^id: c1\.[\w-]+\nevent: caught-up\ndata: \{"next":"c1\.[\w-]+"\}\n\n$/)
})

test('a stream has a page at least, however little time it has', async () => {
  const world = httpWorld({ maxStreamMs: 0 })
  await world.ask('PUT', '/v1/topics/orders')
  await world.ask('POST', '/v1/topics/orders/records', { body: { value: 'a' } })
  const answer = await world.ask('GET', '/v1/topics/orders/records', { headers: { accept: 'text/event-stream' } })
  expect(answer.text).toContain('event: record')
})

test('whoever goes away, or asks for the head only, leaves nobody waiting', async () => {
  const listening = new Set<symbol>()
  const growth = () => {
    const one = Symbol('listening')
    listening.add(one)
    return { grown: () => new Promise<void>(() => {}), close: () => void listening.delete(one) }
  }
  const { app, ask } = httpWorld({ growth })
  await ask('PUT', '/v1/topics/orders')
  const headers = { accept: 'text/event-stream' }
  expect((await ask('HEAD', '/v1/topics/orders/records', { headers })).status).toBe(200)
  expect(listening.size).toBe(0)
  const answer = await app.request('/v1/topics/orders/records', { headers })
  const reader = answer.body?.getReader()
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toContain('event: caught-up')
  expect(listening.size).toBe(1)
  await reader?.cancel()
  expect(listening.size).toBe(0)
})

test('a stream goes on behind what it has looked at, also where nothing was wanted', async () => {
  // As in a function: each connection has one page, which looks at 100,000 records.
  const { ask } = httpWorld({ maxStreamMs: 0 })
  await ask('PUT', '/v1/topics/orders')
  const records = Array.from({ length: 10_000 }, () => ({ value: 'a' }))
  for (let i = 0; i < 11; i++) await ask('POST', '/v1/topics/orders/records', { body: { records } })
  await ask('POST', '/v1/topics/orders/records', { body: { value: 'b' } })
  const connect = (headers: Readonly<Record<string, string>>) =>
    ask('GET', `/v1/topics/orders/records?where=${encodeURIComponent('value == "b"')}`, {
      headers: { accept: 'text/event-stream', ...headers },
    })
  const first = (await connect({})).text
  expect(first).toMatch(/^id: c1\.[\w-]+\n\n$/)
  const id = first.slice('id: '.length).trim()
  expect(decodeCursor(id)?.positions).toEqual(new Map([[0, 100_000n]]))
  expect((await connect({ 'last-event-id': id })).text).toContain('"value":"b"')
})

test('where nothing happens a stream tells its place now and then', async () => {
  const clock = new FixedClock()
  const growth = growthOf(
    () => () => {},
    (ms) => clock.sleep(ms),
  )
  const { ask } = httpWorld({ growth, maxStreamMs: 40_000 }, { clock })
  await ask('PUT', '/v1/topics/orders')
  const { text } = await ask('GET', '/v1/topics/orders/records', { headers: { accept: 'text/event-stream' } })
  const [caughtUp, ...places] = text.trimEnd().split('\n\n')
  expect(caughtUp).toContain('event: caught-up')
  expect(places).toEqual(Array(2).fill(caughtUp?.split('\n')[0]))
})

test('of a page with very long ids only the last record has one', async () => {
  const { ask } = httpWorld({ maxStreamMs: 0 })
  await ask('PUT', '/v1/topics/wide', { body: { partitions: 1024 } })
  await ask('POST', '/v1/topics/wide/records', {
    body: { records: Array.from({ length: 400 }, () => ({ value: 'a' })) },
  })
  const stream = async (limit: number) =>
    (
      await ask('GET', `/v1/topics/wide/records?limit=${limit}`, { headers: { accept: 'text/event-stream' } })
    ).text.trimEnd()
  const few = (await stream(2)).split('\n\n').filter((event) => event.includes('event: record'))
  expect(few.map((event) => event.startsWith('id: '))).toEqual([true, true])
  const many = (await stream(400)).split('\n\n').filter((event) => event.includes('event: record'))
  expect(many.length).toBeGreaterThan(300)
  expect(many.map((event) => event.startsWith('id: '))).toEqual([...Array(many.length - 1).fill(false), true])
})
