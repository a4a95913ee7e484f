import { expect, test } from 'vitest'
import { batch } from '../support/batches.ts'
import { FixedClock } from '../support/log.ts'
import { httpWorld } from './world.ts'

const world = async (partitions: number, clock = new FixedClock()) => {
  const { ask, produce } = httpWorld({}, { clock })
  await ask('PUT', '/v1/topics/orders', { body: { partitions } })
  const send = async (index: number, records: Buffer) => {
    expect(await produce('orders', records, { index })).toMatchObject({ errorCode: 0 })
  }
  const read = (query: string) => ask('GET', `/v1/topics/orders/records${query}`)
  const valuesOf = async (query: string) => (await read(query)).body.records.map((one: { value: unknown }) => one.value)
  const refused = {
    status: 400,
    code: 'INVALID_REQUEST',
    hint: 'Ask for fewer, for a time such as from=-2h, or for one partition with partition=0.',
  }
  return { send, read, valuesOf, refused }
}

test('the last of several partitions are found among so many records', async () => {
  const { send, read, valuesOf, refused } = await world(11)
  for (let index = 0; index < 10; index++) await send(index, batch({ records: 10_000, timestamp: 1n }))
  expect((await read('?from=-10000&limit=1')).status).toBe(200)
  await send(10, batch({ value: 'new', timestamp: 1_000_000n }))
  expect((await read('?from=-10000&limit=1')).body).toMatchObject(refused)
  expect(await valuesOf('?from=-1')).toEqual(['new'])
  expect(await valuesOf('?from=-2&partition=0')).toEqual(['v9998', 'v9999'])
})

test('the last of several partitions are found in so many bytes', async () => {
  const { send, read, valuesOf, refused } = await world(70)
  const value = 'x'.repeat(1_000_000)
  for (let index = 0; index < 60; index++) await send(index, batch({ value, timestamp: 1n }))
  expect(await valuesOf('?from=-1')).toEqual([value])
  for (let index = 60; index < 70; index++) await send(index, batch({ value, timestamp: 1n }))
  expect((await read('?from=-1')).body).toMatchObject(refused)
  expect(await valuesOf('?from=-1&partition=0')).toEqual([value])
})

test('the last of several partitions are found within so much time', async () => {
  let lookMs = 0
  class SlowClock extends FixedClock {
    override now(): number {
      this.move(lookMs)
      return super.now()
    }
  }
  const { send, read, valuesOf, refused } = await world(40, new SlowClock())
  for (let index = 0; index < 40; index++) await send(index, batch({ timestamp: BigInt(index) }))
  expect(await valuesOf('?from=-1')).toEqual(['v'])
  lookMs = 1000
  expect((await read('?from=-1')).body).toMatchObject(refused)
  expect(await valuesOf('?from=-1&partition=0')).toEqual(['v'])
})
