import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assign, type Subscriber, type Targets } from '../../lib/group/assign.ts'
import type { GroupTopic, Partitions } from '../../lib/group/group.ts'
import { minus, noPartitions, pairsOf, partitionsOf } from '../../lib/group/partitions.ts'

const topic = (name: string, partitions: number): GroupTopic => ({ id: name, name, partitions })

const subscriber = (memberId: string, topics: readonly string[], current: Partitions = noPartitions): Subscriber => ({
  memberId,
  topicIds: new Set(topics),
  current,
})

const keys = (partitions: Partitions): readonly string[] =>
  [...pairsOf(partitions)].map(([id, index]) => `${id}-${index}`)

const size = (partitions: Partitions | undefined): number => keys(partitions ?? noPartitions).length

const asObject = (targets: Targets): unknown => Object.fromEntries(targets)

describe('uniform', () => {
  test('partitions are spread evenly', () => {
    const targets = assign('uniform', [subscriber('a', ['t']), subscriber('b', ['t'])], [topic('t', 5)])
    expect(asObject(targets)).toEqual({ a: { t: [0, 2, 4] }, b: { t: [1, 3] } })
  })

  test('a new member gets only what the others have too much', () => {
    const before = [subscriber('a', ['t'], { t: [0, 1, 2] }), subscriber('b', ['t'], { t: [3, 4, 5] })]
    const targets = assign('uniform', [...before, subscriber('c', ['t'])], [topic('t', 6)])
    expect(asObject(targets)).toEqual({ a: { t: [0, 1] }, b: { t: [3, 4] }, c: { t: [2, 5] } })
  })

  test('a member that subscribes to nothing that exists gets nothing', () => {
    expect(asObject(assign('uniform', [subscriber('a', [])], [topic('t', 2)]))).toEqual({ a: {} })
  })
})

describe('range', () => {
  test('partitions of equal index come together, the longer runs first', () => {
    const members = [subscriber('b', ['t', 'u']), subscriber('a', ['t', 'u'])]
    expect(asObject(assign('range', members, [topic('t', 3), topic('u', 3)]))).toEqual({
      a: { t: [0, 1], u: [0, 1] },
      b: { t: [2], u: [2] },
    })
  })

  test('members stand in the order of what they have, new ones behind', () => {
    const members = [
      subscriber('b', ['t'], { t: [0, 1] }),
      subscriber('c', ['t'], { t: [2, 3] }),
      subscriber('a', ['t']),
    ]
    expect(asObject(assign('range', members, [topic('t', 4)]))).toEqual({
      a: { t: [3] },
      b: { t: [0, 1] },
      c: { t: [2] },
    })
  })
})

const topicsOf = fc
  .array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 4 })
  .map((counts) => counts.map((count, i) => topic(`t${i}`, count)))

const world = topicsOf.chain((topics) =>
  fc.record({
    topics: fc.constant(topics),
    subscriptions: fc.array(fc.subarray(topics.map(({ id }) => id)), { minLength: 1, maxLength: 6 }),
    assignor: fc.constantFrom('uniform' as const, 'range' as const),
  }),
)

const membersOf = (subscriptions: readonly (readonly string[])[], targets?: Targets): readonly Subscriber[] =>
  subscriptions.map((topics, i) => subscriber(`m${i}`, topics, targets?.get(`m${i}`)))

describe('every assignment', () => {
  test('gives each partition to one of its subscribers, if there are any', () => {
    fc.assert(
      fc.property(world, world, ({ topics, subscriptions, assignor }, before) => {
        const past = assign(before.assignor, membersOf(before.subscriptions), before.topics)
        const targets = assign(assignor, membersOf(subscriptions, past), topics)
        const given = [...targets.values()].flatMap(keys)
        const wanted = topics.filter(({ id }) => subscriptions.some((one) => one.includes(id)))
        const all = wanted.flatMap(({ id, partitions }) => Array.from({ length: partitions }, (_, i) => `${id}-${i}`))
        expect(given.toSorted()).toEqual(all.toSorted())
        subscriptions.forEach((subscribed, i) => {
          expect(Object.keys(targets.get(`m${i}`) ?? {}).every((id) => subscribed.includes(id))).toBe(true)
        })
      }),
      { numRuns: 300 },
    )
  })

  test('stays the same when nothing has changed', () => {
    fc.assert(
      fc.property(world, ({ topics, subscriptions, assignor }) => {
        const once = assign(assignor, membersOf(subscriptions), topics)
        const again = assign(assignor, membersOf(subscriptions, once), topics)
        if (assignor === 'uniform' || sameForAll(subscriptions)) expect(asObject(again)).toEqual(asObject(once))
      }),
      { numRuns: 300 },
    )
  })
})

const sameForAll = (subscriptions: readonly (readonly string[])[]): boolean =>
  subscriptions.every((one) => JSON.stringify(one) === JSON.stringify(subscriptions[0]))

describe('a uniform assignment', () => {
  test('is balanced: no partition could go to a subscriber that has two fewer', () => {
    fc.assert(
      fc.property(world, world, ({ topics, subscriptions }, before) => {
        const past = assign('uniform', membersOf(before.subscriptions), before.topics)
        const targets = assign('uniform', membersOf(subscriptions, past), topics)
        for (const [memberId, partitions] of targets) {
          for (const [topicId] of pairsOf(partitions)) {
            const others = subscriptions.flatMap((one, i) =>
              one.includes(topicId) ? [size(targets.get(`m${i}`))] : [],
            )
            expect(size(targets.get(memberId)) - Math.min(...others)).toBeLessThan(2)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('moves nothing between members that stay when one leaves, where all subscribe to the same', () => {
    fc.assert(
      fc.property(topicsOf, fc.integer({ min: 2, max: 6 }), (topics, count) => {
        const ids = topics.map(({ id }) => id)
        const before = assign('uniform', membersOf(Array.from({ length: count }, () => ids)), topics)
        const after = assign(
          'uniform',
          membersOf(
            Array.from({ length: count - 1 }, () => ids),
            before,
          ),
          topics,
        )
        for (const [memberId, partitions] of after) {
          expect(minus(before.get(memberId) ?? noPartitions, partitions)).toEqual({})
        }
      }),
      { numRuns: 200 },
    )
  })

  test('moves only to the member that is new, where all subscribe to the same', () => {
    fc.assert(
      fc.property(topicsOf, fc.integer({ min: 1, max: 6 }), (topics, count) => {
        const ids = topics.map(({ id }) => id)
        const before = assign('uniform', membersOf(Array.from({ length: count }, () => ids)), topics)
        const after = assign(
          'uniform',
          membersOf(
            Array.from({ length: count + 1 }, () => ids),
            before,
          ),
          topics,
        )
        for (const [memberId, partitions] of before) expect(minus(after.get(memberId) ?? {}, partitions)).toEqual({})
      }),
      { numRuns: 200 },
    )
  })
})

test('sets of partitions are kept in order and without duplicates', () => {
  expect(
    partitionsOf([
      ['b', 10],
      ['a', 3],
      ['b', 2],
      ['b', 10],
    ]),
  ).toEqual({ a: [3], b: [2, 10] })
})
