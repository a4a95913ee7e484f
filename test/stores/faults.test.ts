import { expect, test } from 'vitest'
import { type Fault, faultyItems, faultyObjects, type StoreCall } from '../../lib/store/faults.ts'
import { type ItemKey, type Items, maxItemBytes, StoreUnavailable } from '../../lib/store/items.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import type { Objects } from '../../lib/store/objects.ts'
import { itemsContract } from './items.contract.ts'
import { objectsContract } from './objects.contract.ts'

const close = async (): Promise<void> => {}
const noFaults = { decide: (): Fault => ({ fault: 'pass' }), sleep: close }
itemsContract('around memory, without faults', async () => ({ items: faultyItems(memoryItems(), noFaults), close }))
objectsContract('around memory, without faults', async () => {
  return {
    objects: faultyObjects(
      memoryObjects(() => 0),
      noFaults,
    ),
    close,
  }
})

/** Stores that have these faults in turn and then none; time passes when `wake` is called. */
const world = (...faults: readonly Fault[]) => {
  const left = [...faults]
  const calls: StoreCall[] = []
  const sleeping: { readonly ms: number; readonly wake: () => void }[] = []
  const source = {
    decide: (call: StoreCall): Fault => {
      calls.push(call)
      return left.shift() ?? { fault: 'pass' }
    },
    sleep: (ms: number): Promise<void> => new Promise((resolve) => sleeping.push({ ms, wake: resolve })),
  }
  const wake = async (): Promise<readonly number[]> => {
    const woken = sleeping.splice(0)
    for (const { wake } of woken) wake()
    await settled()
    return woken.map(({ ms }) => ms)
  }
  const innerItems = memoryItems()
  const innerObjects = memoryObjects(() => 0)
  return {
    items: faultyItems(innerItems, source),
    objects: faultyObjects(innerObjects, source),
    innerItems,
    innerObjects,
    calls,
    wake,
  }
}

/** Everything that does not wait for time has happened. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const key = (sort: string): ItemKey => ({ partition: 'p', sort })
const item = (attempt: string) => ({ attempt, body: Buffer.from(attempt) })
const attemptAt = async (items: Items, sort: string) => (await items.get(key(sort), { consistent: true }))?.attempt
const everything = { after: '', before: '~', limit: 100, consistent: false }
const seen = async (items: Items, options = everything) =>
  (await items.query('p', options)).items.map((each) => `${each.sort}${each.attempt}`)
const isThere = async (objects: Objects, sought: string) =>
  (await objects.list('', '')).some(({ key }) => key === sought)

test('a late write has no answer, and is applied when its time comes', async () => {
  const { items, objects, innerItems, innerObjects, wake } = world(
    { fault: 'late', afterMs: 70 },
    { fault: 'late', afterMs: 80 },
  )
  expect(await items.putIfAbsent(key('1'), item('a'))).toMatchObject({ outcome: 'unknown' })
  await expect(objects.putIfAbsent('k', [Buffer.from('x')])).rejects.toThrow(StoreUnavailable)
  expect(await attemptAt(innerItems, '1')).toBeUndefined()
  expect(await isThere(innerObjects, 'k')).toBe(false)
  expect(await wake()).toEqual([70, 80])
  expect(await attemptAt(innerItems, '1')).toBe('a')
  expect(await isThere(innerObjects, 'k')).toBe(true)
})

test('a late write loses against what was there first', async () => {
  const { items, innerItems, wake } = world({ fault: 'late', afterMs: 70 })
  await items.putIfAbsent(key('1'), item('a'))
  expect(await items.putIfAbsent(key('1'), item('b'))).toEqual({ outcome: 'stored' })
  await wake()
  expect(await attemptAt(innerItems, '1')).toBe('b')
})

test('an echo is answered at once and applied again later, even into a slot that was freed', async () => {
  const { items, innerItems, wake } = world({ fault: 'echo', afterMs: 70 })
  expect(await items.putIfAbsent(key('1'), item('a'))).toEqual({ outcome: 'stored' })
  await items.delete(key('1'))
  await wake()
  expect(await attemptAt(innerItems, '1')).toBe('a')
})

test('a delayed call is applied after the first wait and answered after the second', async () => {
  const { items, innerItems, wake } = world({ fault: 'delay', beforeMs: 5, afterMs: 7 })
  const answer = items.putIfAbsent(key('1'), item('a'))
  await settled()
  expect(await attemptAt(innerItems, '1')).toBeUndefined()
  expect(await wake()).toEqual([5])
  expect(await attemptAt(innerItems, '1')).toBe('a')
  expect(await wake()).toEqual([7])
  expect(await answer).toEqual({ outcome: 'stored' })
})

test.each([
  ['hang-before', undefined],
  ['hang-after', 'a'],
] as const)('%s: the caller never goes on', async (fault, applied) => {
  const { items, innerItems } = world({ fault })
  let wentOn = false
  void items.putIfAbsent(key('1'), item('a')).finally(() => {
    wentOn = true
  })
  await settled()
  expect(wentOn).toBe(false)
  expect(await attemptAt(innerItems, '1')).toBe(applied)
})

test('a stale get sees the version before, or nothing before the first', async () => {
  const ago = async (writes: number, consistent = false) => {
    const stale = world({ fault: 'pass' }, { fault: 'pass' }, { fault: 'stale', writesAgo: () => writes })
    await stale.items.putIfAbsent(key('1'), item('a'))
    await stale.items.replace(key('1'), item('b'), 1)
    return (await stale.items.get(key('1'), { consistent }))?.attempt
  }
  expect([await ago(0), await ago(1), await ago(2), await ago(9)]).toEqual(['b', 'a', undefined, undefined])
  expect(await ago(1, true)).toBe('b')
})

test('a stale query misses items in the middle and at the end, and shows deleted ones', async () => {
  const stale = (hidden: string): Fault => ({ fault: 'stale', writesAgo: (sort) => (hidden.includes(sort) ? 1 : 0) })
  const pass: Fault = { fault: 'pass' }
  const { items } = world(pass, pass, pass, pass, stale('2'), stale('34'), stale('1'), stale('1234'), stale('1234'))
  for (const sort of ['1', '2', '3']) await items.putIfAbsent(key(sort), item('a'))
  await items.delete(key('1'))
  expect(await seen(items)).toEqual(['3a'])
  expect(await seen(items)).toEqual(['2a'])
  expect(await seen(items)).toEqual(['1a', '2a', '3a'])
  expect(await seen(items, { ...everything, after: '1' })).toEqual([])
  expect(await seen(items, { ...everything, consistent: true })).toEqual(['2a', '3a'])
})

test('one bit of an object is wrong, and only for that read', async () => {
  const { objects } = world({ fault: 'pass' }, { fault: 'flip', bit: 8 * 5 + 1 })
  await objects.putIfAbsent('k', [Buffer.from([0, 0, 0])])
  expect([...(await objects.read('k'))]).toEqual([0, 0, 2])
  expect([...(await objects.read('k'))]).toEqual([0, 0, 0])
})

test('a bug of the caller is no unknown outcome', async () => {
  const { items } = world()
  const tooLarge = { attempt: 'a', body: Buffer.alloc(maxItemBytes + 1) }
  await expect(items.putIfAbsent(key('1'), tooLarge)).rejects.toThrow(RangeError)
})

test('the decision knows the call', async () => {
  const { items, objects, calls } = world()
  await items.query('p', everything)
  await items.get(key('1'), { consistent: true })
  await objects.list('k/', '')
  expect(calls).toEqual([
    { call: 'query', where: 'p', inconsistent: true },
    { call: 'get', where: 'p 1', inconsistent: false },
    { call: 'list', where: 'k/', inconsistent: false },
  ])
})
