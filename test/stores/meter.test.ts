import { expect, test } from 'vitest'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { newMeter } from '../../lib/store/meter.ts'
import { itemsContract } from './items.contract.ts'
import { objectsContract } from './objects.contract.ts'

const close = async (): Promise<void> => {}
itemsContract('metered', async () => ({ items: newMeter().items(memoryItems()), close }))
objectsContract('metered', async () => ({ objects: newMeter().objects(memoryObjects(() => 0)), close }))

const key = { partition: 'p', sort: '1' }
/** 12 bytes besides the body: pk p, sk 1, a x, v 1, b. */
const item = (bodyBytes: number) => ({ attempt: 'x', body: Buffer.alloc(bodyBytes) })

const metered = () => {
  const meter = newMeter()
  return { items: meter.items(memoryItems()), objects: meter.objects(memoryObjects(() => 0)), counts: meter.counts }
}

test.each([
  [0, 1],
  [1024 - 12, 1],
  [1024 - 11, 2],
  [4096, 5],
])('a put of a body of %i bytes costs %i write units', async (bodyBytes, writeUnits) => {
  const { items, counts } = metered()
  await items.putIfAbsent(key, item(bodyBytes))
  expect(counts()).toMatchObject({ puts: 1, refused: 0, writeUnits, itemBytesWritten: bodyBytes + 12 })
})

test('a failed condition costs what the present item would, and 1 where there is none', async () => {
  const { items, counts } = metered()
  await items.replace(key, item(5000), 1)
  expect(counts()).toMatchObject({ replaces: 1, refused: 1, writeUnits: 1 })
  await items.putIfAbsent(key, item(3000))
  await items.putIfAbsent(key, item(10))
  expect(counts()).toMatchObject({ puts: 2, refused: 2, writeUnits: 1 + 3 + 3 })
})

test('a delete costs a write of what it deletes, as far as that is known', async () => {
  const { items, counts } = metered()
  await items.delete(key)
  expect(counts()).toMatchObject({ deletes: 1, writeUnits: 1 })
  await items.putIfAbsent(key, item(3000))
  await items.delete(key)
  expect(counts()).toMatchObject({ deletes: 2, writeUnits: 1 + 3 + 3 })
})

test('a replacement costs a write of the larger one, before or after', async () => {
  const { items, counts } = metered()
  await items.putIfAbsent(key, item(3000))
  await items.replace(key, item(10), 1)
  expect(counts()).toMatchObject({ writeUnits: 3 + 3 })
  await items.replace(key, item(20), 2)
  expect(counts()).toMatchObject({ writeUnits: 3 + 3 + 1 })
  await items.replace(key, item(5000), 3)
  expect(counts()).toMatchObject({ writeUnits: 3 + 3 + 1 + 5 })
  await items.delete(key)
  expect(counts()).toMatchObject({ writeUnits: 3 + 3 + 1 + 5 + 5 })
})

test.each([
  [0, true, 1],
  [0, false, 0.5],
  [4096 - 12, true, 1],
  [4096 - 11, true, 2],
  [4096 - 11, false, 1],
])('a read of a body of %i bytes, consistent %s, costs %d read units', async (bodyBytes, consistent, readUnits) => {
  const { items, counts } = metered()
  await items.putIfAbsent(key, item(bodyBytes))
  await items.get(key, { consistent })
  expect(counts()).toMatchObject({ gets: 1, readUnits, itemBytesRead: bodyBytes + 12 })
})

test('a query costs the sum of its items, and nothing found costs one unit', async () => {
  const { items, counts } = metered()
  const query = { after: '', before: '~', limit: 10, consistent: true }
  await items.query('p', query)
  expect(counts()).toMatchObject({ queries: 1, readUnits: 1 })
  for (const sort of ['1', '2', '3']) await items.putIfAbsent({ partition: 'p', sort }, item(2000))
  await items.query('p', query)
  expect(counts()).toMatchObject({ queries: 2, readUnits: 1 + 2 })
})

test('objects are counted by call and bytes', async () => {
  const { objects, counts } = metered()
  await objects.putIfAbsent('k', [Buffer.alloc(10), Buffer.alloc(5)])
  await objects.read('k', { position: 1, length: 4 })
  await objects.list('', '')
  await objects.delete('k')
  expect(counts()).toMatchObject({
    objectPuts: 1,
    objectReads: 1,
    objectLists: 1,
    objectDeletes: 1,
    objectBytesWritten: 15,
    objectBytesRead: 4,
  })
})

test('counts that were taken stay as they were', async () => {
  const { items, counts } = metered()
  const before = counts()
  await items.delete(key)
  expect(before.deletes).toBe(0)
})
