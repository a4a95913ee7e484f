import { expect, test } from 'vitest'
import { realClock } from '../../lib/clock.ts'
import { growthOf } from '../../lib/http/growth.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { type Fault, faultyItems, type StoreCall } from '../../lib/store/faults.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { FixedClock } from '../support/log.ts'
import { httpWorld } from './world.ts'

const world = async ({ partitions = 2, records = 0 } = {}) => {
  const clock = new FixedClock()
  const made = httpWorld({}, { clock })
  await made.ask('PUT', '/v1/topics/orders', { body: { partitions } })
  const produce = (value: unknown, partition = 0) =>
    made.ask('POST', '/v1/topics/orders/records', { body: { value, partition } })
  for (let i = 0; i < records; i++) await produce(`v${i}`, i % partitions)
  const post = (verb: string, body: unknown = {}) => made.ask('POST', `/v1/groups/billing/${verb}`, { body })
  const poll = async (body: object = {}) => (await post('poll', { topics: ['orders'], ...body })).body
  const ack = (body: object) => post('ack', body)
  return { ...made, clock, produce, post, poll, ack }
}

const valuesOf = (polled: { records: readonly { value: unknown }[] }) => polled.records.map(({ value }) => value)

test('a poll lends records, an acknowledgement commits them, and the next poll goes on behind them', async () => {
  const w = await world({ partitions: 1, records: 5 })
  const first = await w.poll({ limit: 2, worker: 'one' })
  expect(valuesOf(first)).toEqual(['v0', 'v1'])
  expect(first.records[0]).toMatchObject({ topic: 'orders', partition: 0, offset: 0, attempt: 1 })
  expect(first.leaseExpiresAt).toBe(w.clock.now() + 30_000)
  expect(first.upTo).toEqual({ orders: { '0': 2 } })
  expect((await w.ack({ lease: first.lease })).body).toEqual({ lease: null, left: {}, deadLetters: 0 })
  const second = await w.poll()
  expect(valuesOf(second)).toEqual(['v2', 'v3', 'v4'])
  const lag = (await w.ask('GET', '/v1/groups/billing/lag')).body
  expect(lag).toEqual({
    group: 'billing',
    lag: 3,
    partitions: [{ topic: 'orders', partition: 0, committed: 2, latest: 5, lag: 3 }],
  })
})

test('a group that has acknowledged nothing yet is behind all that its workers are lent from', async () => {
  const w = await world({ partitions: 2, records: 5 })
  const lag = async () => (await w.ask('GET', '/v1/groups/billing/lag')).body
  const { lease } = await w.poll({ limit: 1, leaseMs: 1000 })
  const all = {
    group: 'billing',
    lag: 5,
    partitions: [
      { topic: 'orders', partition: 0, committed: null, latest: 3, lag: 3 },
      { topic: 'orders', partition: 1, committed: null, latest: 2, lag: 2 },
    ],
  }
  expect(await lag()).toEqual(all)
  w.clock.move(5000)
  expect(await lag()).toEqual(all)
  await w.ack({ lease })
  expect(await lag()).toMatchObject({ lag: 4 })
})

test('a partition is lent to one worker at a time, and to the next when it was given back', async () => {
  const w = await world({ records: 4 })
  const one = await w.poll({ limit: 2 })
  const two = await w.poll()
  expect([valuesOf(one).length, valuesOf(two).length]).toEqual([2, 2])
  expect((await w.poll()).records).toEqual([])
  expect((await w.post('release', { lease: one.lease })).status).toBe(204)
  expect(valuesOf(await w.poll())).toEqual(valuesOf(one))
  expect((await w.ack({ lease: one.lease })).body).toMatchObject({ status: 409, code: 'FENCED' })
})

test('a lease that has ended is good until somebody takes over, and not after that', async () => {
  const w = await world({ partitions: 1, records: 2 })
  const slow = await w.poll({ limit: 1, leaseMs: 1000 })
  w.clock.move(5000)
  expect((await w.ask('GET', '/v1/groups/billing')).body).toMatchObject({ kind: 'lease', state: 'Empty', members: [] })
  expect((await w.ack({ lease: slow.lease })).status).toBe(200)
  const late = await w.poll({ limit: 1, leaseMs: 1000 })
  w.clock.move(5000)
  const other = await w.poll()
  expect(valuesOf(other)).toEqual(['v1'])
  for (const verb of ['ack', 'extend', 'release']) {
    expect((await w.post(verb, { lease: late.lease })).body).toMatchObject({
      status: 409,
      code: 'FENCED',
      kafkaCode: 110,
    })
  }
  expect((await w.ack({ lease: other.lease })).status).toBe(200)
})

test('a lease that is extended is not taken over', async () => {
  const w = await world({ partitions: 1, records: 1 })
  const { lease } = await w.poll({ leaseMs: 1000 })
  w.clock.move(900)
  const extended = await w.post('extend', { lease, leaseMs: 60_000 })
  expect(extended.body).toEqual({ lease, leaseExpiresAt: w.clock.now() + 60_000 })
  w.clock.move(50_000)
  expect((await w.poll()).lease).toBeNull()
})

test('a part may be acknowledged, and the rest is still lent', async () => {
  const w = await world({ partitions: 1, records: 5 })
  const { lease } = await w.poll()
  expect((await w.ack({ lease, upTo: { orders: { '0': 2 } } })).body).toEqual({
    lease,
    left: { orders: { '0': 2 } },
    deadLetters: 0,
  })
  // A repeat, and one that comes late, do no harm.
  expect((await w.ack({ lease, upTo: { orders: { '0': 1 } } })).body.left).toEqual({ orders: { '0': 2 } })
  expect((await w.ack({ lease, upTo: { orders: { '0': 6 } } })).body).toMatchObject({ status: 400 })
  expect((await w.poll()).lease).toBeNull()
  expect((await w.ack({ lease })).body.lease).toBeNull()
  expect((await w.ack({ lease })).status).toBe(200)
  expect((await w.ask('GET', '/v1/groups/billing')).body.offsets).toMatchObject([{ partition: 0, committed: 5 }])
})

test('a group may begin at the latest records, and what comes after its first poll is not missed', async () => {
  const w = await world({ records: 4 })
  expect((await w.poll({ from: 'latest' })).records).toEqual([])
  await w.produce('new', 1)
  expect(valuesOf(await w.poll({ from: 'latest' }))).toEqual(['new'])
  expect((await w.post('poll', { topics: ['orders'], from: 'p0:1' })).body.code).toBe('INVALID_REQUEST')
})

test('a record that failed is handed out again after longer and longer pauses, then it is a dead letter', async () => {
  const w = await world({ partitions: 1, records: 3 })
  const first = await w.poll()
  const failed = [{ topic: 'orders', partition: 0, offset: 1, error: 'no\nsuch customer' }]
  expect((await w.ack({ lease: first.lease, failed })).body).toEqual({ lease: null, left: {}, deadLetters: 0 })
  const group = await w.ask('GET', '/v1/groups/billing')
  expect(group.body.failed).toMatchObject([{ offset: 1, attempts: 1, error: 'no such customer', isDead: false }])
  expect(group.body.offsets).toMatchObject([{ committed: 3 }])
  for (const [attempt, restMs] of [1000, 10_000, 60_000, 600_000].entries()) {
    w.clock.move(restMs - 100)
    expect((await w.poll()).lease).toBeNull()
    w.clock.move(200)
    const again = await w.poll()
    expect(again.records).toMatchObject([{ offset: 1, value: 'v1', attempt: attempt + 2 }])
    // Whoever has it, nobody else does.
    expect((await w.poll()).lease).toBeNull()
    const told = await w.ack({ lease: again.lease, failed })
    expect(told.body.deadLetters).toBe(attempt === 3 ? 1 : 0)
  }
  expect((await w.ask('GET', '/v1/groups/billing')).body.failed).toEqual([])
  const letters = (await w.ask('GET', '/v1/topics/orders.billing.dlq/records')).body.records
  expect(letters).toMatchObject([
    {
      value: 'v1',
      headers: {
        'wadi.dlq.topic': 'orders',
        'wadi.dlq.partition': '0',
        'wadi.dlq.offset': '1',
        'wadi.dlq.group': 'billing',
        'wadi.dlq.attempts': '5',
        'wadi.dlq.error': 'no such customer',
      },
    },
  ])
  expect(w.lines).toEqual([])
})

test('one that failed and then goes well is done', async () => {
  const w = await world({ partitions: 1, records: 2 })
  const { lease } = await w.poll()
  await w.ack({ lease, failed: [{ topic: 'orders', partition: 0, offset: 0 }] })
  w.clock.move(2000)
  const again = await w.poll()
  expect((await w.ack({ lease: again.lease })).body.lease).toBeNull()
  expect((await w.ask('GET', '/v1/groups/billing')).body.failed).toEqual([])
})

test('beyond help a record is a dead letter at once, once', async () => {
  const w = await world({ partitions: 1, records: 2 })
  const { lease } = await w.poll()
  const failed = [0, 1].map((offset) => ({ topic: 'orders', partition: 0, offset, retry: false }))
  expect((await w.ack({ lease, failed })).body.deadLetters).toBe(2)
  expect((await w.ack({ lease, failed })).status).toBe(200)
  expect((await w.ask('GET', '/v1/topics/orders.billing.dlq')).body.records).toBe(2)
})

test('what the lease does not have cannot fail, nor what is not among what is done', async () => {
  const w = await world({ partitions: 1, records: 5 })
  const { lease } = await w.poll({ limit: 3 })
  const fails = (offset: number, upTo?: object) =>
    w.ack({ lease, upTo, failed: [{ topic: 'orders', partition: 0, offset }] })
  expect((await fails(3)).body.code).toBe('INVALID_REQUEST')
  expect((await fails(1, { orders: { '0': 1 } })).body.code).toBe('INVALID_REQUEST')
  expect((await w.ask('GET', '/v1/groups/billing')).body).toMatchObject({ failed: [], offsets: [] })
})

test('too many that failed are refused, and nothing is acknowledged', async () => {
  const w = await world({ partitions: 1 })
  const body = { records: Array.from({ length: 300 }, (_, i) => ({ value: i })) }
  await w.ask('POST', '/v1/topics/orders/records', { body })
  const { lease } = await w.poll({ limit: 1000 })
  const fail = (from: number, upTo: number) =>
    w.ack({
      lease,
      upTo: { orders: { '0': upTo } },
      failed: Array.from({ length: upTo - from }, (_, i) => ({ topic: 'orders', partition: 0, offset: from + i })),
    })
  expect((await fail(0, 100)).status).toBe(200)
  expect((await fail(100, 200)).status).toBe(200)
  const throttled = await fail(200, 300)
  expect(throttled.body).toMatchObject({ status: 429, code: 'THROTTLED', retryable: true })
  expect(throttled.headers.get('retry-after')).toBe('1')
  expect((await w.ask('GET', '/v1/groups/billing')).body.offsets).toMatchObject([{ committed: 200 }])
})

test('offsets are moved after a look at what it would skip and repeat, and moved back', async () => {
  const w = await world({ records: 6 })
  const { lease } = await w.poll()
  const put = (body: object) => w.ask('PUT', '/v1/groups/billing/offsets', { body })
  expect((await put({ to: 'earliest', dryRun: true })).body).toMatchObject({ status: 409, code: 'NOT_EMPTY' })
  await w.ack({ lease })
  const preview = (await put({ to: 'p0:1', topics: ['orders'], dryRun: true })).body
  expect(preview).toEqual({
    group: 'billing',
    snapshot: null,
    skipped: 0,
    repeated: 2,
    partitions: [{ topic: 'orders', partition: 0, from: 3, to: 1, skipped: 0, repeated: 2 }],
    dryRun: true,
  })
  expect((await w.poll()).lease).toBeNull()
  const { snapshot, partitions } = (await put({ to: 'p0:1', topics: ['orders'] })).body
  expect(partitions).toEqual(preview.partitions)
  expect((await w.ask('GET', '/v1/groups/billing')).body.snapshots).toMatchObject([{ snapshot }])
  const again = await w.poll({ limit: 1 })
  expect(valuesOf(again)).toEqual(['v2'])
  await w.post('release', { lease: again.lease })
  expect((await put({ to: `snapshot:${snapshot}` })).body).toMatchObject({ skipped: 2, repeated: 0 })
  expect((await w.poll()).lease).toBeNull()
  expect((await put({ to: 'snapshot:none' })).body).toMatchObject({
    status: 404,
    hint: expect.stringContaining(snapshot),
  })
})

test('a group that has committed nothing can be told where to begin, and that can be undone', async () => {
  const w = await world({ records: 4 })
  expect((await w.ask('PUT', '/v1/groups/billing/offsets', { body: { to: 'latest' } })).status).toBe(404)
  const begun = await w.ask('PUT', '/v1/groups/billing/offsets', { body: { to: 'latest', topics: ['orders'] } })
  expect(begun.body).toMatchObject({ snapshot: null, skipped: 0, repeated: 0 })
  expect((await w.poll()).lease).toBeNull()
  await w.ask('PUT', '/v1/topics/others')
  await w.ask('POST', '/v1/topics/others/records', { body: { value: 'x' } })
  const put = (to: string) => w.ask('PUT', '/v1/groups/billing/offsets', { body: { to, topics: ['others'] } })
  const { snapshot } = (await put('latest')).body
  await put(`snapshot:${snapshot}`)
  expect((await w.ask('GET', '/v1/groups/billing')).body.offsets).toHaveLength(2)
  expect(valuesOf(await w.poll({ topics: ['others'] }))).toEqual(['x'])
})

test('snapshots are bounded: the oldest go first', async () => {
  const w = await world({ records: 2 })
  await w.ack({ lease: (await w.poll()).lease })
  const names: string[] = []
  for (let i = 0; i < 12; i++) {
    w.clock.move(1000)
    names.push((await w.ask('PUT', '/v1/groups/billing/offsets', { body: { to: 'latest' } })).body.snapshot)
  }
  const { snapshots } = (await w.ask('GET', '/v1/groups/billing')).body
  expect(snapshots.map((one: { snapshot: string }) => one.snapshot)).toEqual(names.slice(-10))
})

test('what failed and comes again anyway is not handed out twice', async () => {
  const w = await world({ partitions: 1, records: 3 })
  const { lease } = await w.poll()
  await w.ack({ lease, failed: [{ topic: 'orders', partition: 0, offset: 1 }] })
  await w.ask('PUT', '/v1/groups/billing/offsets', { body: { to: 'earliest' } })
  w.clock.move(5000)
  const again = await w.poll()
  expect(valuesOf(again)).toEqual(['v0', 'v1', 'v2'])
  await w.ack({ lease: again.lease })
  w.clock.move(5000)
  expect((await w.poll()).lease).toBeNull()
})

test('a group is deleted when nobody has a lease, and its leases mean nothing to its successor', async () => {
  const w = await world({ partitions: 1, records: 2 })
  const { lease } = await w.poll({ leaseMs: 1000 })
  expect((await w.ask('DELETE', '/v1/groups/billing')).body).toMatchObject({ status: 409, code: 'NOT_EMPTY' })
  w.clock.move(2000)
  expect((await w.ask('DELETE', '/v1/groups/billing?dryRun=true')).body).toMatchObject({ dryRun: true })
  expect((await w.ask('DELETE', '/v1/groups/billing')).status).toBe(204)
  expect((await w.ask('GET', '/v1/groups/billing')).body).toMatchObject({ status: 404, code: 'GROUP_NOT_FOUND' })
  const other = await w.poll()
  expect(valuesOf(other)).toEqual(['v0', 'v1'])
  expect((await w.ack({ lease })).body.code).toBe('FENCED')
})

test('groups are listed page by page', async () => {
  const w = await world({ partitions: 1, records: 1 })
  for (const group of ['b', 'a', 'c']) {
    await w.ask('POST', `/v1/groups/${group}/poll`, { body: { topics: ['orders'] } })
  }
  const first = (await w.ask('GET', '/v1/groups?limit=2')).body
  expect(first.groups).toEqual([
    { group: 'a', kind: 'lease', state: 'Stable' },
    { group: 'b', kind: 'lease', state: 'Stable' },
  ])
  const { groups, next } = (await w.ask('GET', `/v1/groups?limit=2&cursor=${first.next}`)).body
  expect([groups.length, next]).toEqual([1, null])
})

test('polling for nothing writes nothing', async () => {
  const w = await world({ records: 2 })
  await w.ack({ lease: (await w.poll()).lease })
  const before = await w.items.query('G', { after: '', before: '~', limit: 10, consistent: true })
  for (let i = 0; i < 5; i++) expect((await w.poll()).lease).toBeNull()
  expect(await w.items.query('G', { after: '', before: '~', limit: 10, consistent: true })).toEqual(before)
  // What the group has committed is kept for as long as somebody asks.
  w.clock.move(2 * 3_600_000)
  await w.poll()
  const after = await w.items.query('G', { after: '', before: '~', limit: 10, consistent: true })
  expect(after.items[0]?.version).toBe((before.items[0]?.version ?? 0) + 1)
})

/** On a server of one's own, where polls wait. `onStore` is called before every call of the store. */
const waitingWorld = async (onStore: (call: StoreCall) => void = () => {}) => {
  const decide = (call: StoreCall): Fault => {
    onStore(call)
    return { fault: 'pass' }
  }
  const items = faultyItems(memoryItems(), { decide, sleep: (ms) => realClock.sleep(ms) })
  const objects = memoryObjects(() => realClock.now())
  const logs = new Logs({ items, objects, clock: realClock, instance: 'one' })
  const growth = growthOf((grown) => logs.watch((id) => grown(id)), realClock.sleep)
  const w = httpWorld({ growth }, { items, objects, logs })
  for (const topic of ['orders', 'others']) await w.ask('PUT', `/v1/topics/${topic}`)
  const topics = ['orders', 'others']
  const poll = (more: object) => w.ask('POST', '/v1/groups/billing/poll', { body: { topics, ...more } })
  const pollUntil = (signal: AbortSignal) => {
    const body = JSON.stringify({ topics, wait: 20_000, leaseMs: 3_600_000 })
    const headers = { 'content-type': 'application/json' }
    return w.app.request('/v1/groups/billing/poll', { method: 'POST', headers, body, signal })
  }
  const produce = () => w.ask('POST', '/v1/topics/others/records', { body: { value: 'x' } })
  return { ...w, poll, pollUntil, produce }
}

test('a poll waits for what comes, where waiting costs nothing', async () => {
  const { poll, produce } = await waitingWorld()
  const waiting = poll({ wait: 20_000 })
  await new Promise((resolve) => setImmediate(resolve))
  await produce()
  expect((await waiting).body.records).toMatchObject([{ topic: 'others', value: 'x' }])
  const empty = await poll({ wait: 10 })
  expect(empty.body).toEqual({ lease: null, leaseExpiresAt: null, records: [], upTo: {} })
})

test('a client that has gone while it waits is lent nothing', async () => {
  const { ask, poll, pollUntil, produce } = await waitingWorld()
  const gone = new AbortController()
  const waiting = pollUntil(gone.signal)
  await new Promise((resolve) => setImmediate(resolve))
  gone.abort()
  await produce()
  expect(await (await waiting).json()).toMatchObject({ lease: null })
  expect((await ask('GET', '/v1/groups/billing')).body.members ?? []).toEqual([])
  expect((await poll({})).body.records).toMatchObject([{ value: 'x' }])
})

test('what was lent to a client while it went is given back', async () => {
  const gone = new AbortController()
  const { poll, pollUntil, produce } = await waitingWorld(({ call, where }) => {
    if ((call === 'putIfAbsent' || call === 'replace') && where.startsWith('G ')) gone.abort()
  })
  await produce()
  expect(await (await pollUntil(gone.signal)).json()).toMatchObject({ lease: null })
  expect(gone.signal.aborted).toBe(true)
  expect((await poll({})).body.records).toMatchObject([{ value: 'x', attempt: 1 }])
})

test('one page of a poll is bounded by its bytes, and its first record may be larger', async () => {
  const w = await world({ partitions: 1 })
  for (const letter of ['a', 'b']) await w.produce(letter.repeat(5000))
  const first = await w.poll({ maxBytes: 1000 })
  expect(first.records).toHaveLength(1)
  await w.ack({ lease: first.lease })
  expect((await w.poll({ maxBytes: 1000 })).records).toMatchObject([{ offset: 1 }])
})

test.each([
  ['no topics', { topics: [] }, 400],
  ['a topic that is not there', { topics: ['ordesr'] }, 404],
  ['a lease that is too short', { topics: ['orders'], leaseMs: 10 }, 400],
  ['a field that nobody knows', { topics: ['orders'], max: 1 }, 400],
])('a poll of %s is refused', async (_, body, status) => {
  const w = await world()
  expect((await w.post('poll', body)).status).toBe(status)
  expect((await w.ask('GET', '/v1/groups')).body.groups).toEqual([])
})
