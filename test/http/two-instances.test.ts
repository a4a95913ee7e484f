import { expect, test } from 'vitest'
import { encodeCursor } from '../../lib/http/cursor.ts'
import { Logs } from '../../lib/journal/logs.ts'
import { type Fault, faultyItems, type StoreCall } from '../../lib/store/faults.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { FixedClock } from '../support/log.ts'
import { httpWorld } from './world.ts'

const records = '/v1/topics/orders/records'

/**
 * Two instances over one store, whose eventually consistent queries see no row at all. The second has looked when there
 * was one record.
 */
const twoInstances = async () => {
  const clock = new FixedClock()
  const objects = memoryObjects(() => clock.now())
  const consistentQueries: string[] = []
  const decide = ({ call, where, inconsistent }: StoreCall): Fault => {
    if (call === 'query' && inconsistent) return { fault: 'stale', writesAgo: () => 1 }
    if (call === 'query') consistentQueries.push(where)
    return { fault: 'pass' }
  }
  const items = faultyItems(memoryItems(), { decide, sleep: (ms) => clock.sleep(ms) })
  const instance = (name: string) =>
    httpWorld({}, { clock, items, objects, logs: new Logs({ items, objects, clock, instance: name }) })
  const [first, second] = [instance('one'), instance('two')]
  const produce = (value: string) => first.ask('POST', records, { body: { key: 'k', value } })
  const { id } = (await first.ask('PUT', '/v1/topics/orders')).body
  await produce('a')
  expect((await second.ask('GET', records)).body.records).toHaveLength(1)
  return { clock, first, second, id, produce, consistentQueries }
}

/** The first record is done, and a second one is lent, which the second instance has not seen. */
const withLease = async () => {
  const w = await twoInstances()
  const post = (from: typeof w.first, verb: string, body: object) => from.ask('POST', `/v1/groups/g/${verb}`, { body })
  const poll = async (from: typeof w.first) => (await post(from, 'poll', { topics: ['orders'] })).body
  await post(w.first, 'ack', { lease: (await poll(w.first)).lease })
  await w.produce('b')
  const { lease } = await poll(w.first)
  const fail = (from: typeof w.first, retry: boolean) =>
    post(from, 'ack', { lease, failed: [{ topic: 'orders', partition: 0, offset: 1, retry }] })
  return { ...w, poll, fail }
}

test('a record is there for everybody once it was acknowledged', async () => {
  const { second, produce } = await twoInstances()
  await produce('b')
  const at = (offset: number) => second.ask('GET', `/v1/topics/orders/partitions/0/records/${offset}`)
  expect((await at(1)).body).toMatchObject({ offset: 1, value: 'b' })
  expect((await at(2)).status).toBe(404)
})

test('a record that is found is read without a consistent read', async () => {
  const { second, consistentQueries } = await twoInstances()
  consistentQueries.length = 0
  expect((await second.ask('GET', '/v1/topics/orders/partitions/0/records/0')).status).toBe(200)
  expect(consistentQueries).toEqual([])
})

test('a record that failed is handed out again by who had not seen it', async () => {
  const { clock, first, second, poll, fail } = await withLease()
  await fail(first, true)
  clock.move(1000)
  expect((await poll(second)).records).toMatchObject([{ offset: 1, value: 'b', attempt: 2 }])
})

test('a letter has its record, whoever writes it', async () => {
  const { first, second, fail } = await withLease()
  expect((await fail(second, false)).body.deadLetters).toBe(1)
  const [letter] = (await first.ask('GET', '/v1/topics/orders.g.dlq/records')).body.records
  expect(letter).toMatchObject({ key: 'k', value: 'b' })
  expect(letter.headers).not.toHaveProperty('wadi.dlq.value')
})

test('stored batches are up to date only when everything that was acknowledged is in them', async () => {
  const { second, id, produce } = await twoInstances()
  const from = encodeCursor({ topicId: id, isWhole: false, turn: 0, positions: new Map([[0, 0n]]) })
  const isUpToDate = async () => {
    const headers = { accept: 'application/vnd.wadi.batch' }
    const answer = await second.app.request(`${records}?from=${from}`, { headers })
    return answer.headers.get('wadi-up-to-date')
  }
  expect(await isUpToDate()).toBe('true')
  await produce('b')
  expect([await isUpToDate(), await isUpToDate()]).toEqual(['false', 'true'])
})
