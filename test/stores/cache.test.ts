import { expect, test } from 'vitest'
import { cachedObjects } from '../../lib/store/cache.ts'
import { memoryObjects } from '../../lib/store/memory.ts'
import { newMeter, type StoreCounts } from '../../lib/store/meter.ts'
import { ObjectNotFound, type Objects } from '../../lib/store/objects.ts'
import { objectsContract } from './objects.contract.ts'

const close = async (): Promise<void> => {}
objectsContract('cached, large', async () => ({
  objects: cachedObjects(
    memoryObjects(() => 0),
    256 << 20,
  ),
  close,
}))
objectsContract('cached, tiny', async () => ({
  objects: cachedObjects(
    memoryObjects(() => 0),
    80,
  ),
  close,
}))

/** A cache of 8,000 bytes, so of 1,000 for one object, and what it asks the store below. */
const cacheOf8000 = (): { objects: Objects; inner: Objects; counts: () => StoreCounts } => {
  const meter = newMeter()
  const inner = memoryObjects(() => 0)
  return { objects: cachedObjects(meter.objects(inner), 8000), inner, counts: meter.counts }
}

test('what was put is read without asking the store', async () => {
  const { objects, counts } = cacheOf8000()
  await objects.putIfAbsent('k', [Buffer.from('abc'), Buffer.from('def')])
  expect(String(await objects.read('k', { position: 1, length: 2 }))).toBe('bc')
  expect(String(await objects.read('k', { position: 2, length: 2 }))).toBe('cd')
  expect(String(await objects.read('k'))).toBe('abcdef')
  await expect(objects.read('k', { position: 5, length: 2 })).rejects.toThrow(RangeError)
  expect(counts().objectReads).toBe(0)
})

test('a range inside a part is that memory, not a copy', async () => {
  const { objects } = cacheOf8000()
  const part = Buffer.from(new ArrayBuffer(500))
  await objects.putIfAbsent('k', [Buffer.from(new ArrayBuffer(400)), part])
  const read = await objects.read('k', { position: 410, length: 20 })
  expect(read.buffer).toBe(part.buffer)
  expect(read.byteOffset).toBe(10)
})

test('a small piece of a large buffer does not keep it alive', async () => {
  const { objects } = cacheOf8000()
  const large = Buffer.from(new ArrayBuffer(100_000))
  await objects.putIfAbsent('k', [large.subarray(10, 20)])
  expect((await objects.read('k', { position: 0, length: 10 })).buffer).not.toBe(large.buffer)
})

test('what was read once is not asked again, whole or by ranges', async () => {
  const { objects, inner, counts } = cacheOf8000()
  await inner.putIfAbsent('k', [Buffer.from('0123456789')])
  await objects.read('k', { position: 0, length: 4 })
  await objects.read('k', { position: 6, length: 4 })
  expect(String(await objects.read('k', { position: 7, length: 2 }))).toBe('78')
  expect(String(await objects.read('k', { position: 1, length: 2 }))).toBe('12')
  expect(counts().objectReads).toBe(2)
  expect(String(await objects.read('k', { position: 3, length: 4 }))).toBe('3456')
  expect(String(await objects.read('k'))).toBe('0123456789')
  expect(counts().objectReads).toBe(4)
  expect(String(await objects.read('k', { position: 4, length: 2 }))).toBe('45')
  expect(counts().objectReads).toBe(4)
})

test('the least recently used leaves first, and what is too large is not kept', async () => {
  const { objects, counts } = cacheOf8000()
  for (let index = 0; index < 8; index++) await objects.putIfAbsent(`k${index}`, [Buffer.alloc(1000)])
  await objects.read('k0')
  await objects.putIfAbsent('k8', [Buffer.alloc(1000)])
  await objects.putIfAbsent('large', [Buffer.alloc(1001)])
  await objects.read('k0')
  expect(counts().objectReads).toBe(0)
  await objects.read('k1')
  await objects.read('large')
  await objects.read('large')
  expect(counts().objectReads).toBe(3)
})

test('a deleted object is dropped', async () => {
  const { objects } = cacheOf8000()
  await objects.putIfAbsent('k', [Buffer.from('abc')])
  await objects.delete('k')
  await expect(objects.read('k')).rejects.toThrow(ObjectNotFound)
})

test('bytes that were not stored are not cached', async () => {
  const { objects, inner } = cacheOf8000()
  await inner.putIfAbsent('k', [Buffer.from('first')])
  expect(await objects.putIfAbsent('k', [Buffer.from('second')])).toBe('taken')
  expect(String(await objects.read('k'))).toBe('first')
})
