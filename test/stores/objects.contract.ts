import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fault, faultyObjects } from '../../lib/store/faults.ts'
import { StoreUnavailable } from '../../lib/store/items.ts'
import { type ListedObject, maxListedObjects, ObjectNotFound, type Objects } from '../../lib/store/objects.ts'

export type ObjectsUnderTest = { readonly objects: Objects; readonly close: () => Promise<void> }

/** What every `Objects` must do. `open` makes one for the whole suite; each test has its own prefix in it. */
export const objectsContract = (name: string, open: () => Promise<ObjectsUnderTest>): void => {
  describe(`objects: ${name}`, () => {
    let opened: ObjectsUnderTest | undefined
    const objects = (): Objects => {
      if (opened === undefined) throw new Error('the store did not open')
      return opened.objects
    }
    beforeAll(async () => {
      opened = await open()
    })
    afterAll(() => opened?.close())

    describe('putIfAbsent', () => {
      test('the parts are stored one after the other', async () => {
        const key = freshKey()
        expect(await objects().putIfAbsent(key, [bytes('one'), bytes(''), bytes('two')])).toBe('stored')
        expect((await objects().read(key)).toString()).toBe('onetwo')
      })

      test('a second put is taken, and changes nothing', async () => {
        const key = freshKey()
        await objects().putIfAbsent(key, [bytes('one')])
        expect(await objects().putIfAbsent(key, [bytes('two')])).toBe('taken')
        expect((await objects().read(key)).toString()).toBe('one')
      })

      test('of 50 at once exactly one is stored, and its bytes are there', async () => {
        const key = freshKey()
        const outcomes = await Promise.all(
          Array.from({ length: 50 }, (_, index) => objects().putIfAbsent(key, [bytes(`writer-${index}`)])),
        )
        expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1)
        expect((await objects().read(key)).toString()).toBe(`writer-${outcomes.indexOf('stored')}`)
      })

      test('3,000 parts are one object', async () => {
        const key = freshKey()
        const parts = Array.from({ length: 3000 }, (_, index) => bytes(`${index},`))
        await objects().putIfAbsent(key, parts)
        expect((await objects().read(key)).equals(Buffer.concat(parts))).toBe(true)
      })

      test.each<[what: string, parts: readonly Buffer[]]>([
        ['no part', []],
        ['an empty part', [bytes('')]],
        ['every byte value', [Buffer.from(Array.from({ length: 256 }, (_, value) => value))]],
        ['a part of a larger buffer', [bytes('0123456789').subarray(3, 6), bytes('0123456789').subarray(8)]],
        ['16 MiB', [pattern(5 * MiB), pattern(11 * MiB)]],
      ])('%s is returned as it was stored', async (_, parts) => {
        const key = freshKey()
        expect(await objects().putIfAbsent(key, parts)).toBe('stored')
        expect((await objects().read(key)).equals(Buffer.concat(parts))).toBe(true)
        const [listed] = await objects().list(key, '')
        expect(listed?.sizeBytes).toBe(Buffer.concat(parts).length)
      })
    })

    describe('a lost answer', () => {
      const losing = (fault: Fault): Objects => {
        const faults = [fault]
        return faultyObjects(objects(), { decide: () => faults.shift() ?? { fault: 'pass' }, sleep: async () => {} })
      }

      test.each<[fault: 'drop-before' | 'drop-after' | 'throttle', again: 'stored' | 'taken']>([
        ['drop-before', 'stored'],
        ['drop-after', 'taken'],
        ['throttle', 'stored'],
      ])('%s: the same put again is %s', async (fault, again) => {
        const key = freshKey()
        const store = losing({ fault })
        await expect(store.putIfAbsent(key, [bytes('one')])).rejects.toThrow(StoreUnavailable)
        expect(await store.putIfAbsent(key, [bytes('one')])).toBe(again)
        expect((await objects().read(key)).toString()).toBe('one')
      })
    })

    describe('read', () => {
      const content = pattern(100_000)
      const stored = async (body = content): Promise<string> => {
        const key = freshKey()
        await objects().putIfAbsent(key, [body])
        return key
      }

      test.each<[what: string, position: number, length: number]>([
        ['the first byte', 0, 1],
        ['the first half', 0, 50_000],
        ['the middle', 33_333, 33_333],
        ['the last byte', 99_999, 1],
        ['all', 0, 100_000],
        ['nothing at the start', 0, 0],
        ['nothing in the middle', 50_000, 0],
        ['nothing at the end', 100_000, 0],
      ])('%s of an object', async (_, position, length) => {
        const read = await objects().read(await stored(), { position, length })
        expect(read.equals(content.subarray(position, position + length))).toBe(true)
      })

      test.each<[position: number, length: number]>([
        [0, 100_001],
        [99_999, 2],
        [100_000, 1],
        [100_001, 0],
        [200_000, 5],
        [-1, 5],
        [5, -1],
        [0.5, 1],
      ])('from %d, %d bytes are outside of 100,000 bytes: RangeError', async (position, length) => {
        await expect(objects().read(await stored(), { position, length })).rejects.toThrow(RangeError)
      })

      test('of an empty object only nothing can be read', async () => {
        const key = await stored(bytes(''))
        expect(await objects().read(key)).toHaveLength(0)
        expect(await objects().read(key, { position: 0, length: 0 })).toHaveLength(0)
        await expect(objects().read(key, { position: 0, length: 1 })).rejects.toThrow(RangeError)
        await expect(objects().read(key, { position: 1, length: 0 })).rejects.toThrow(RangeError)
      })

      test('50 ranges at once are each their own bytes', async () => {
        const key = await stored()
        const positions = Array.from({ length: 50 }, (_, index) => index * 2000)
        const read = await Promise.all(positions.map((position) => objects().read(key, { position, length: 2000 })))
        expect(Buffer.concat(read).equals(content)).toBe(true)
      })

      test('what was never stored is ObjectNotFound', async () => {
        await expect(objects().read(freshKey())).rejects.toThrow(ObjectNotFound)
        await expect(objects().read(freshKey(), { position: 0, length: 1 })).rejects.toThrow(ObjectNotFound)
        await expect(objects().read(freshKey(), { position: 0, length: 0 })).rejects.toThrow(ObjectNotFound)
      })
    })

    describe('delete', () => {
      test('a deleted object is not found, and deleting it again is no error', async () => {
        const key = freshKey()
        await objects().putIfAbsent(key, [bytes('one')])
        await objects().read(key, { position: 0, length: 1 })
        await objects().delete(key)
        await objects().delete(key)
        await expect(objects().read(key)).rejects.toThrow(ObjectNotFound)
        await expect(objects().read(key, { position: 0, length: 1 })).rejects.toThrow(ObjectNotFound)
        expect(await objects().list(key, '')).toEqual([])
      })

      test('after a delete the key is free', async () => {
        const key = freshKey()
        await objects().putIfAbsent(key, [bytes('one')])
        expect((await objects().read(key, { position: 0, length: 3 })).toString()).toBe('one')
        await objects().delete(key)
        expect(await objects().putIfAbsent(key, [bytes('two')])).toBe('stored')
        expect((await objects().read(key)).toString()).toBe('two')
        expect((await objects().read(key, { position: 0, length: 3 })).toString()).toBe('two')
      })
    })

    describe('list', () => {
      const fill = (keys: readonly string[]): Promise<unknown> =>
        Promise.all(keys.map((key) => objects().putIfAbsent(key, [bytes(key)])))

      test('a prefix with nothing under it is empty', async () => {
        expect(await objects().list(`${freshKey()}/`, '')).toEqual([])
      })

      test('keys come with size and time, in the order of their bytes, and only below the prefix', async () => {
        const top = freshKey()
        const names = ['0/wal/1', '0/wal/2', '0/seg/1', '0/ckpt/1', '0-1', '0.1', '1/wal/1', '10/wal/1', 'A', 'a', '_']
        await fill([...names.map((name) => `${top}/${name}`), `${top}0/wal/1`])
        const listed = await objects().list(`${top}/`, '')
        expect(listed.map((object) => object.key)).toEqual(names.toSorted().map((name) => `${top}/${name}`))
        for (const object of listed) {
          expect(object.sizeBytes).toBe(object.key.length)
          expect(Number.isFinite(object.modifiedMs)).toBe(true)
        }
      })

      test('a prefix may end inside a name', async () => {
        const top = freshKey()
        await fill([`${top}/0/wal/11`, `${top}/0/wal/12`, `${top}/0/wal/2`, `${top}/1/wal/1`])
        const listed = await objects().list(`${top}/0/wal/1`, '')
        expect(listed.map((object) => object.key)).toEqual([`${top}/0/wal/11`, `${top}/0/wal/12`])
      })

      test('the key itself is below its prefix', async () => {
        const top = freshKey()
        await fill([`${top}/0/wal/11`])
        expect(await objects().list(`${top}/0/wal/11`, '')).toHaveLength(1)
      })

      test('only keys greater than `after` come, whether or not it is there', async () => {
        const top = freshKey()
        await fill(['1', '2', '3', '4'].map((name) => `${top}/wal/${name}`))
        const namesAfter = async (key: string) =>
          (await objects().list(`${top}/`, key)).map((object) => object.key.slice(-1))
        expect(await namesAfter(`${top}/wal/2`)).toEqual(['3', '4'])
        expect(await namesAfter(`${top}/wal/25`)).toEqual(['3', '4'])
        expect(await namesAfter(`${top}/wal`)).toEqual(['1', '2', '3', '4'])
        expect(await namesAfter(`${top}/x`)).toEqual([])
      })

      test('more keys than a page come in pages, each key once', async () => {
        const top = freshKey()
        const keys = Array.from({ length: maxListedObjects + 100 }, (_, index) => `${top}/wal/${1_000_000 + index}`)
        for (let start = 0; start < keys.length; start += 50) await fill(keys.slice(start, start + 50))
        const listed: ListedObject[] = []
        for (let pages = 0; pages < 5; pages++) {
          const page = await objects().list(`${top}/`, listed.at(-1)?.key ?? '')
          expect(page.length).toBeLessThanOrEqual(maxListedObjects)
          listed.push(...page)
        }
        expect(listed.map((object) => object.key)).toEqual(keys)
      })

      test.each(['a#b', 'a b', 'é', '\u{1f600}', '%41', 'a+b', 'a&b=c', '..', '.', 'C:x', 'a\\b'])(
        'the name %j is like any other',
        async (name) => {
          const top = freshKey()
          const key = `${top}/${name}/1-${name}`
          await objects().putIfAbsent(key, [bytes(name)])
          expect((await objects().read(key)).toString()).toBe(name)
          expect((await objects().list(`${top}/`, '')).map((object) => object.key)).toEqual([key])
          await objects().delete(key)
          await expect(objects().read(key)).rejects.toThrow(ObjectNotFound)
        },
      )
    })
  })
}

const MiB = 1024 * 1024

/** Bytes whose every position can be told from its neighbours. */
const pattern = (length: number): Buffer => {
  const words = new Uint32Array(Math.ceil(length / 4)).map((_, index) => Math.imul(index, 0x9e3779b1))
  return Buffer.from(words.buffer, 0, length)
}

/** A failing test may leave objects behind, also in a store that outlives the run. */
const freshKey = (): string => randomUUID()

const bytes = (text: string): Buffer => Buffer.from(text)
