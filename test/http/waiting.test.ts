import { expect, test } from 'vitest'
import { realClock } from '../../lib/clock.ts'
import { growthOf } from '../../lib/http/growth.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { httpWorld } from './world.ts'

const world = async (options: Partial<Parameters<typeof httpWorld>[0]> = {}) => {
  const items = memoryItems()
  const objects = memoryObjects(() => realClock.now())
  const logs = new Logs({ items, objects, clock: realClock, instance: 'one' })
  const growth = growthOf((grown) => logs.watch((id) => grown(id)), realClock.sleep)
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
  return { ...made, send, events }
}

test('a read that waits is answered when there is a record', async () => {
  const { ask, send } = await world()
  const reading = ask('GET', '/v1/topics/orders/records?from=latest&wait=20000')
  await send('a')
  // Whether it began before or after, it has the record or says that there is none yet.
  const first = await reading
  const { body } = await ask('GET', `/v1/topics/orders/records?from=${first.body.next}`)
  expect([...first.body.records, ...body.records].length).toBeLessThanOrEqual(1)
})

test('a read that waits in vain says that there is nothing', async () => {
  const { ask } = await world()
  const { body } = await ask('GET', '/v1/topics/orders/records?wait=1')
  expect(body).toMatchObject({ records: [], upToDate: true })
})

test('events are what is there, that there is no more, and what comes then', async () => {
  const { send, events } = await world()
  await send('a')
  const reading = events('', 3)
  await send('b')
  const found = await reading
  const names = found.map(({ event, data }) => (event === 'record' ? data.value : event))
  expect([...names].sort()).toEqual(['a', 'b', 'caught-up'])
  expect(names.indexOf('a')).toBeLessThan(names.indexOf('b'))
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
  const { events } = await world({ stopping: stopping.signal })
  const reading = events('', 100)
  stopping.abort()
  expect((await reading).length).toBeLessThanOrEqual(1)
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
