import { expect, test } from 'vitest'
import { type Fault, faultyItems, type StoreCall } from '../../lib/store/faults.ts'
import { journalPartition } from '../../lib/store/keys.ts'
import { memoryItems } from '../../lib/store/memory.ts'
import { FixedClock } from '../support/log.ts'
import { httpWorld } from './world.ts'

const world = async () => {
  const clock = new FixedClock()
  let decide: (call: StoreCall) => Fault = () => ({ fault: 'pass' })
  const items = faultyItems(memoryItems(), { decide: (call) => decide(call), sleep: (ms) => clock.sleep(ms) })
  const made = httpWorld({}, { clock, items })
  await made.ask('PUT', '/v1/topics/orders')
  const send = (value: unknown, headers: Readonly<Record<string, string>> = {}) =>
    made.ask('POST', '/v1/topics/orders/records', { body: { value }, headers })
  await send('first')
  return {
    ...made,
    send,
    /** Decides of the puts of rows from now on, by their number. */
    putsAre: (fault: (put: number) => Fault) => {
      let puts = 0
      decide = ({ call }) => {
        if (call !== 'putIfAbsent') return { fault: 'pass' }
        puts += 1
        return fault(puts)
      }
    },
  }
}

test('a put whose answer was lost is no failed condition: the row is known again as one’s own', async () => {
  const { send, putsAre, values } = await world()
  putsAre((put) => ({ fault: put <= 2 ? 'drop-after' : 'pass' }))
  const answer = await send('second', { 'if-match': '"0:1"' })
  expect([answer.status, answer.body.offset]).toEqual([200, 1])
  expect(await values('orders')).toEqual(['first', 'second'])
})

test('without an answer the outcome is unknown, and a repeat with the same identity finds out', async () => {
  const { send, putsAre, values } = await world()
  const headers = { 'idempotency-key': 'k' }
  putsAre(() => ({ fault: 'drop-after' }))
  const lost = await send('second', headers)
  expect(lost.body).toMatchObject({ status: 504, code: 'TIMED_OUT', retryable: true, kafkaCode: 7 })
  expect(lost.body.hint).toContain('Repeat it with the same identity')
  putsAre(() => ({ fault: 'pass' }))
  expect((await send('second', headers)).body.offset).toBe(1)
  expect(await values('orders')).toEqual(['first', 'second'])
})

test('when the stores cannot be read nothing is said of what they hold', async () => {
  const clock = new FixedClock()
  let isDown = false
  const source = {
    decide: (): Fault => ({ fault: isDown ? 'drop-before' : 'pass' }),
    sleep: (ms: number) => clock.sleep(ms),
  }
  const { ask } = httpWorld({}, { clock, items: faultyItems(memoryItems(), source) })
  await ask('PUT', '/v1/topics/orders')
  isDown = true
  clock.move(100_000)
  expect((await ask('GET', '/v1/topics/orders')).body).toMatchObject({
    status: 503,
    code: 'UNAVAILABLE',
    retryable: true,
  })
  expect((await ask('PUT', '/v1/topics/others')).status).toBe(504)
})

test('over several journals what was stored is told with what is not known, and a repeat completes it', async () => {
  const clock = new FixedClock()
  let broken: string | undefined
  const decide = ({ call, where }: StoreCall): Fault => ({
    fault: call === 'putIfAbsent' && broken !== undefined && where.includes(broken) ? 'drop-before' : 'pass',
  })
  const { ask } = httpWorld(
    {},
    { clock, items: faultyItems(memoryItems(), { decide, sleep: (ms) => clock.sleep(ms) }) },
  )
  const { id } = (await ask('PUT', '/v1/topics/orders', { body: { partitions: 2, configs: { 'wadi.shards': '2' } } }))
    .body
  const body = {
    records: [
      { value: 'a', partition: 0 },
      { value: 'b', partition: 1 },
    ],
  }
  const send = () => ask('POST', '/v1/topics/orders/records', { body, headers: { 'idempotency-key': 'k' } })
  broken = journalPartition({ topicId: id, index: 1 })
  const half = await send()
  expect([half.status, half.body.code]).toEqual([504, 'TIMED_OUT'])
  expect(half.body.partitions).toEqual([
    { topic: 'orders', partition: 0, endOffset: 1 },
    { topic: 'orders', partition: 1, code: 'TIMED_OUT' },
  ])
  broken = undefined
  expect((await send()).body.records).toMatchObject([
    { partition: 0, offset: 0 },
    { partition: 1, offset: 0 },
  ])
  expect((await ask('GET', '/v1/topics/orders')).body.records).toBe(2)
})
