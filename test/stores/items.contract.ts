import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fault, faultyItems } from '../../lib/store/faults.ts'
import {
  type Item,
  type ItemKey,
  type Items,
  maxItemBytes,
  maxPageBytes,
  type PutOutcome,
  type QueryPage,
  type ReplaceOutcome,
} from '../../lib/store/items.ts'
import { compareBytewise } from '../../lib/store/order.ts'

export type ItemsUnderTest = { readonly items: Items; readonly close: () => Promise<void> }

/** An emulator may give pages of any size. */
type ContractOptions = { readonly smallPages: boolean }

/** What every `Items` must do. `open` makes one for the whole suite; each test has its own partition in it. */
export const itemsContract = (
  name: string,
  open: () => Promise<ItemsUnderTest>,
  { smallPages }: ContractOptions = { smallPages: true },
): void => {
  describe(`items: ${name}`, () => {
    let opened: ItemsUnderTest | undefined
    const items = (): Items => {
      if (opened === undefined) throw new Error('the store did not open')
      return opened.items
    }
    beforeAll(async () => {
      opened = await open()
    })
    afterAll(() => opened?.close())

    describe('putIfAbsent', () => {
      test('the first put is stored as version 1', async () => {
        const key = freshKey()
        expect(await items().putIfAbsent(key, { attempt: 'a', body: bytes('one') })).toEqual({ outcome: 'stored' })
        expect(plain(await items().get(key, consistent))).toEqual(['a', 1, 'one'])
      })

      test('a second put is told who was first, and changes nothing', async () => {
        const key = freshKey()
        await items().putIfAbsent(key, { attempt: 'a', body: bytes('one') })
        const second = await items().putIfAbsent(key, { attempt: 'b', body: bytes('two') })
        expect(second).toMatchObject({ outcome: 'taken', by: { sort: key.sort, attempt: 'a', version: 1 } })
        expect(second.outcome === 'taken' && second.by.body.toString()).toBe('one')
        expect(plain(await items().get(key, consistent))).toEqual(['a', 1, 'one'])
      })

      test('an item that was replaced is taken by its present version', async () => {
        const key = freshKey()
        await items().putIfAbsent(key, { attempt: 'a', body: bytes('one') })
        await items().replace(key, { attempt: 'b', body: bytes('two') }, 1)
        const late = await items().putIfAbsent(key, { attempt: 'a', body: bytes('one') })
        expect(late).toMatchObject({ outcome: 'taken', by: { attempt: 'b', version: 2 } })
      })

      test('of 50 at once exactly one is stored, and all others are told which', async () => {
        const key = freshKey()
        const outcomes = await race(50, (attempt) => items().putIfAbsent(key, { attempt, body: bytes(attempt) }))
        const winner = (await items().get(key, consistent))?.attempt
        expect(outcomes.map(([attempt, outcome]) => won(attempt, outcome)).filter(Boolean)).toHaveLength(1)
        for (const [attempt, outcome] of outcomes) {
          if (outcome.outcome === 'taken') expect(outcome.by.attempt).toBe(winner)
          else expect(attempt).toBe(winner)
        }
      })

      test('50 puts of different keys at once are all stored', async () => {
        const { partition } = freshKey()
        await race(50, (sort) => items().putIfAbsent({ partition, sort }, { attempt: sort, body: bytes(sort) }))
        expect(await all(items(), partition)).toHaveLength(50)
      })
    })

    describe('replace', () => {
      test('the version that is there is replaced by the next', async () => {
        const key = freshKey()
        await items().putIfAbsent(key, { attempt: 'a', body: bytes('one') })
        expect(await items().replace(key, { attempt: 'b', body: bytes('two') }, 1)).toEqual({ outcome: 'stored' })
        expect(await items().replace(key, { attempt: 'c', body: bytes('three') }, 2)).toEqual({ outcome: 'stored' })
        expect(plain(await items().get(key, consistent))).toEqual(['c', 3, 'three'])
      })

      test.each([1, 3])('with version %i where 2 is there it is a conflict with the present item', async (version) => {
        const key = freshKey()
        await items().putIfAbsent(key, { attempt: 'a', body: bytes('one') })
        await items().replace(key, { attempt: 'b', body: bytes('two') }, 1)
        const outcome = await items().replace(key, { attempt: 'c', body: bytes('three') }, version)
        expect(outcome).toMatchObject({ outcome: 'conflict', current: { attempt: 'b', version: 2 } })
        expect(plain(await items().get(key, consistent))).toEqual(['b', 2, 'two'])
      })

      test('where nothing is, it is a conflict with nothing', async () => {
        const key = freshKey()
        const outcome = await items().replace(key, { attempt: 'a', body: bytes('one') }, 1)
        expect(outcome).toEqual({ outcome: 'conflict', current: undefined })
        expect(await items().get(key, consistent)).toBeUndefined()
      })

      test('of 50 at once exactly one wins each version', async () => {
        const key = freshKey()
        await items().putIfAbsent(key, { attempt: 'first', body: bytes('') })
        for (const version of [1, 2, 3]) {
          const outcomes = await race(50, (attempt) => items().replace(key, { attempt, body: bytes('') }, version))
          expect(outcomes.map(([attempt, outcome]) => won(attempt, outcome)).filter(Boolean)).toHaveLength(1)
          expect((await items().get(key, consistent))?.version).toBe(version + 1)
        }
      })
    })

    describe('a lost answer', () => {
      const losing = (fault: Fault): Items => {
        const faults = [fault]
        return faultyItems(items(), { decide: () => faults.shift() ?? { fault: 'pass' }, sleep: async () => {} })
      }

      test.each(['drop-before', 'drop-after', 'throttle'] as const)(
        '%s: the same put again settles it',
        async (fault) => {
          const key = freshKey()
          const store = losing({ fault })
          const item = { attempt: 'mine', body: bytes('one') }
          expect(await store.putIfAbsent(key, item)).toMatchObject({ outcome: 'unknown' })
          expect(won('mine', await store.putIfAbsent(key, item))).toBe(true)
          expect(plain(await items().get(key, consistent))).toEqual(['mine', 1, 'one'])
        },
      )

      test('a put that was applied twice is told of its own attempt', async () => {
        const outcome = await losing({ fault: 'twice' }).putIfAbsent(freshKey(), { attempt: 'mine', body: bytes('') })
        expect(outcome).toMatchObject({ outcome: 'taken', by: { attempt: 'mine' } })
      })

      test('a replace that was applied conflicts with its own attempt', async () => {
        const key = freshKey()
        await items().putIfAbsent(key, { attempt: 'a', body: bytes('one') })
        const store = losing({ fault: 'drop-after' })
        const item = { attempt: 'mine', body: bytes('two') }
        expect(await store.replace(key, item, 1)).toMatchObject({ outcome: 'unknown' })
        const again = await store.replace(key, item, 1)
        expect(again).toMatchObject({ outcome: 'conflict', current: { attempt: 'mine', version: 2 } })
      })
    })

    describe('query', () => {
      const fill = async (partition: string, sorts: readonly string[], body = bytes('x')): Promise<void> => {
        for (const sort of sorts) await items().putIfAbsent({ partition, sort }, { attempt: sort, body })
      }
      const sorts = ['000000000001', '000000000002', '000000000003', '000000000010', 'checkpoint']

      test('a partition without items is an empty page and the end', async () => {
        const { partition } = freshKey()
        expect(await items().query(partition, everything)).toEqual({ items: [], end: true })
      })

      test('items come in ascending order, whole, and only of their partition', async () => {
        const { partition } = freshKey()
        await fill(partition, sorts.toReversed(), bytes('body'))
        await fill(`${partition}2`, ['000000000004'])
        const found = await all(items(), partition)
        expect(found.map((item) => item.sort)).toEqual(sorts)
        expect(found.map(plain)).toEqual(sorts.map((sort) => [sort, 1, 'body']))
      })

      test.each<[after: string, before: string, found: readonly string[]]>([
        ['000000000001', last, sorts.slice(1)],
        ['000000000004', last, sorts.slice(3)],
        ['', 'checkpoint', sorts.slice(0, 4)],
        ['', '000000000003', sorts.slice(0, 2)],
        ['000000000001', '000000000003', ['000000000002']],
        ['000000000002', '000000000003', []],
        ['000000000003', '000000000003', []],
        ['000000000010', '000000000002', []],
        ['checkpoint', last, []],
      ])('after %j and before %j, both excluded', async (after, before, found) => {
        const { partition } = freshKey()
        await fill(partition, sorts)
        expect((await all(items(), partition, { after, before })).map((item) => item.sort)).toEqual(found)
      })

      test.each([1, 2, 5, 6])('pages of at most %i items give each item once', async (limit) => {
        const { partition } = freshKey()
        await fill(partition, sorts)
        const pages = await pagesOf(items(), partition, { limit })
        for (const page of pages) expect(page.items.length).toBeLessThanOrEqual(limit)
        expect(pages.flatMap((page) => page.items.map((item) => item.sort))).toEqual(sorts)
      })

      test.skipIf(!smallPages)('a page holds about 1 MB, and the next goes on after it', async () => {
        const { partition } = freshKey()
        const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
        await fill(partition, names, Buffer.alloc(300 * 1024, 7))
        const pages = await pagesOf(items(), partition)
        expect(pages.length).toBeGreaterThan(1)
        expect(pages[0]?.end).toBe(false)
        for (const page of pages) {
          expect(page.items.reduce((sum, item) => sum + item.body.length, 0)).toBeLessThan(maxPageBytes + maxItemBytes)
        }
        expect(pages.flatMap((page) => page.items.map((item) => item.sort))).toEqual(names)
      })

      test('the order is that of the UTF-8 bytes', async () => {
        const { partition } = freshKey()
        const names = ['a', 'B', 'b', '10', '9', 'a-b', 'a.b', 'a/b', 'a b', 'a#b', '~', 'é', '\u{ff5e}', '\u{1f600}']
        await fill(partition, names)
        const expected = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        expect((await all(items(), partition)).map((item) => item.sort)).toEqual(expected)
        expect(names.toSorted(compareBytewise)).toEqual(expected)
      })
    })

    describe('bodies and keys', () => {
      const bodies: readonly [what: string, body: Buffer][] = [
        ['every byte value', Buffer.from(Array.from({ length: 256 }, (_, value) => value))],
        ['nothing', Buffer.alloc(0)],
        ['one zero', Buffer.alloc(1)],
        [`${maxItemBytes} bytes`, Buffer.alloc(maxItemBytes, 0xa5)],
      ]
      test.each(bodies)('%s is returned as it was stored', async (_, body) => {
        const key = freshKey()
        expect((await items().putIfAbsent(key, { attempt: 'a', body })).outcome).toBe('stored')
        expect((await items().get(key, consistent))?.body.equals(body)).toBe(true)
        expect((await items().query(key.partition, everything)).items[0]?.body.equals(body)).toBe(true)
        expect((await items().replace(key, { attempt: 'b', body }, 1)).outcome).toBe('stored')
        const taken = await items().putIfAbsent(key, { attempt: 'c', body: bytes('') })
        expect(taken.outcome === 'taken' && taken.by.body.equals(body)).toBe(true)
      })

      test('a part of a larger buffer is stored, not the whole', async () => {
        const key = freshKey()
        await items().putIfAbsent(key, { attempt: 'a', body: bytes('0123456789').subarray(3, 6) })
        expect((await items().get(key, consistent))?.body.toString()).toBe('345')
      })

      test('one byte more than the limit is a RangeError', async () => {
        const key = freshKey()
        const item = { attempt: 'a', body: Buffer.alloc(maxItemBytes + 1) }
        await expect(items().putIfAbsent(key, item)).rejects.toThrow(RangeError)
        await expect(items().replace(key, item, 1)).rejects.toThrow(RangeError)
        expect(await items().get(key, consistent)).toBeUndefined()
      })

      test.each(['a#b', 'a/b', 'a b', 'é', '\u{1f600}', "it's", 'a"b', '%', '..', 'x'.repeat(249)])(
        'the key %j is like any other',
        async (sort) => {
          const key = { partition: `${freshKey().partition}#${sort}`, sort }
          await items().putIfAbsent(key, { attempt: sort, body: bytes(sort) })
          expect(plain(await items().get(key, consistent))).toEqual([sort, 1, sort])
          expect((await all(items(), key.partition)).map((item) => item.sort)).toEqual([sort])
        },
      )
    })

    describe('get and delete', () => {
      test('what was never put is undefined, consistent or not', async () => {
        expect(await items().get(freshKey(), consistent)).toBeUndefined()
        expect(await items().get(freshKey(), { consistent: false })).toBeUndefined()
      })

      test('a deleted item is gone, and deleting it again is no error', async () => {
        const key = freshKey()
        await items().putIfAbsent(key, { attempt: 'a', body: bytes('one') })
        await items().delete(key)
        await items().delete(key)
        expect(await items().get(key, consistent)).toBeUndefined()
        expect(await all(items(), key.partition)).toEqual([])
        const outcome = await items().replace(key, { attempt: 'b', body: bytes('two') }, 1)
        expect(outcome).toEqual({ outcome: 'conflict', current: undefined })
      })

      test('after a delete the key is free, and its versions begin at 1', async () => {
        const key = freshKey()
        await items().putIfAbsent(key, { attempt: 'a', body: bytes('one') })
        await items().replace(key, { attempt: 'b', body: bytes('two') }, 1)
        await items().delete(key)
        expect(await items().putIfAbsent(key, { attempt: 'c', body: bytes('new') })).toEqual({ outcome: 'stored' })
        expect(plain(await items().get(key, consistent))).toEqual(['c', 1, 'new'])
      })
    })
  })
}

const consistent = { consistent: true }

/** Sorts after every key. */
const last = '\u{10ffff}'

const everything = { after: '', before: last, limit: 1000, consistent: true }

/** A failing test may leave items behind, also in a store that outlives the run. */
const freshKey = (): ItemKey => ({ partition: `J#${randomUUID()}`, sort: '000000000001' })

const bytes = (text: string): Buffer => Buffer.from(text)

const plain = (item: Item | undefined) => item && [item.attempt, item.version, item.body.toString()]

/** Both a plain answer and the recognition of one's own earlier try. */
const won = (attempt: string, outcome: PutOutcome | ReplaceOutcome): boolean => {
  if (outcome.outcome === 'taken') return outcome.by.attempt === attempt
  if (outcome.outcome === 'conflict') return outcome.current?.attempt === attempt
  return outcome.outcome === 'stored'
}

/** Writers that all start at once; each repeats its write until it has an answer, as the journal does. */
const race = <Outcome extends PutOutcome | ReplaceOutcome>(
  writers: number,
  write: (attempt: string) => Promise<Outcome>,
): Promise<readonly (readonly [attempt: string, outcome: Outcome])[]> =>
  Promise.all(
    Array.from({ length: writers }, async (_, index) => {
      const attempt = `writer-${index}`
      for (let tries = 0; tries < 20; tries++) {
        const outcome = await write(attempt)
        if (outcome.outcome !== 'unknown') return [attempt, outcome] as const
      }
      throw new Error(`${attempt}: no answer in 20 tries`)
    }),
  )

const pagesOf = async (
  items: Items,
  partition: string,
  options: Partial<typeof everything> = {},
): Promise<readonly QueryPage[]> => {
  const pages: QueryPage[] = []
  for (let after = options.after ?? ''; ; ) {
    const page = await items.query(partition, { ...everything, ...options, after })
    pages.push(page)
    if (page.end) return pages
    after = page.items.at(-1)?.sort ?? after
    expect(pages.length, 'a query that does not end').toBeLessThan(50)
  }
}

const all = async (items: Items, partition: string, options: Partial<typeof everything> = {}) =>
  (await pagesOf(items, partition, options)).flatMap((page) => page.items)
