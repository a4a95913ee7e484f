import { expect, test } from 'vitest'
import type { Clock } from '../../lib/journal/clock.ts'
import { idKeptMs, lifetimeMs, Nodes } from '../../lib/journal/nodes.ts'
import { ranked } from '../../lib/journal/rendezvous.ts'
import { faultyItems } from '../../lib/store/faults.ts'
import type { Items } from '../../lib/store/items.ts'
import { memoryItems } from '../../lib/store/memory.ts'
import { VirtualClock } from '../group/virtual-clock.ts'
import { FixedClock } from '../support/log.ts'

const things = Array.from({ length: 3000 }, (_, i) => `J#topic${i}#0`)
const candidates = (...ids: readonly number[]) => ids.map((id) => ({ id }))
const firstOf = (ids: readonly number[], thing: string) => ranked(candidates(...ids), thing)[0]?.id ?? 0

/** Gateways of different builds must agree on who is to lead: these never change. */
test.each([
  ['J#AAAAAAAAAAAAAAAAAAAAAA#0', [2, 5, 4, 3]],
  ['J#AAAAAAAAAAAAAAAAAAAAAA#1', [5, 2, 3, 4]],
  ['J#BBBBBBBBBBBBBBBBBBBBBA#0', [5, 3, 2, 4]],
  ['G/billing', [4, 2, 5, 3]],
])('%s is ranked the same by everybody, in whatever order the nodes are listed', (thing, order) => {
  expect(ranked(candidates(2, 3, 4, 5), thing).map(({ id }) => id)).toEqual(order)
  expect(ranked(candidates(5, 2, 4, 3), thing).map(({ id }) => id)).toEqual(order)
})

test('each of several nodes comes first for about as many things', () => {
  const ids = [2, 3, 4, 5]
  for (const id of ids) {
    const share = things.filter((thing) => firstOf(ids, thing) === id).length / things.length
    expect(share).toBeGreaterThan(0.2)
    expect(share).toBeLessThan(0.3)
  }
})

test('when a node goes, what it had goes to whoever came next, and nothing else moves', () => {
  for (const thing of things) {
    const [first, second] = ranked(candidates(2, 3, 4), thing)
    const others = candidates(2, 3, 4).filter(({ id }) => id !== first?.id)
    expect(ranked(others, thing)[0]).toEqual(second)
    const last = ranked(candidates(2, 3, 4), thing).at(-1)
    expect(
      ranked(
        candidates(2, 3, 4).filter(({ id }) => id !== last?.id),
        thing,
      )[0],
    ).toEqual(first)
  }
})

const world = (items: Items = memoryItems()) => {
  const clock = new FixedClock()
  const gateway = (port: number, zone: string | null = null) => new Nodes(items, clock, { host: 'here', port, zone })
  const idsSeenBy = async (nodes: Nodes) => (await nodes.liveNow()).map(({ id }) => id)
  return { clock, items, gateway, idsSeenBy }
}

test('gateways get ids from 2 on, and each sees all with their addresses', async () => {
  const { gateway } = world()
  const [one, two] = [gateway(9001, 'a'), gateway(9002, 'b')]
  await one.beat()
  await two.beat()
  expect([one.self, two.self]).toEqual([2, 3])
  const all = [
    { id: 2, host: 'here', port: 9001, zone: 'a' },
    { id: 3, host: 'here', port: 9002, zone: 'b' },
  ]
  expect(await two.live()).toEqual(all)
  expect(await gateway(9003).live()).toEqual(all)
})

test('gateways that register at the same time get different ids', async () => {
  const { gateway, idsSeenBy } = world()
  const all = [1, 2, 3].map((i) => gateway(9000 + i))
  await Promise.all(all.map((nodes) => nodes.beat()))
  expect(new Set(all.map((nodes) => nodes.self))).toEqual(new Set([2, 3, 4]))
  expect(await idsSeenBy(gateway(9009))).toEqual([2, 3, 4])
})

test('a gateway that is not heard of for its lifetime is dead to others and to itself, and keeps its id when it is back', async () => {
  const { clock, gateway, idsSeenBy } = world()
  const [one, two] = [gateway(9001), gateway(9002)]
  await one.beat()
  await two.beat()
  clock.move(lifetimeMs - 1)
  expect([one.self, two.self]).toEqual([2, 3])
  await two.beat()
  clock.move(1)
  expect(one.self).toBeUndefined()
  expect(await idsSeenBy(two)).toEqual([3])
  expect(await idsSeenBy(one)).toEqual([3])
  await one.beat()
  expect(one.self).toBe(2)
})

test('a gateway that stays is heard of again before it expires', async () => {
  const { clock, gateway, idsSeenBy } = world()
  const one = gateway(9001)
  await one.beat()
  for (let beat = 0; beat < 10; beat++) {
    clock.move(lifetimeMs / 3)
    expect(one.self).toBe(2)
    await one.beat()
  }
  expect(await idsSeenBy(gateway(9002))).toEqual([2])
})

test('a gateway that leaves is gone at once, and its successor at the same address is the same node', async () => {
  const { gateway, idsSeenBy } = world()
  const [one, two] = [gateway(9001), gateway(9002)]
  await one.beat()
  await two.beat()
  await one.leave()
  expect(one.self).toBeUndefined()
  expect(await idsSeenBy(gateway(9009))).toEqual([3])
  const next = gateway(9001)
  await next.beat()
  expect(next.self).toBe(2)
})

test('the id of one that is long gone goes to a newcomer, and the one that was only away gets another', async () => {
  const { clock, gateway, idsSeenBy } = world()
  const gone = gateway(9001)
  await gone.beat()
  clock.move(lifetimeMs + 1)
  const early = gateway(9002)
  await early.beat()
  expect(early.self).toBe(3)
  clock.move(idKeptMs)
  await early.beat()
  const late = gateway(9003)
  await late.beat()
  expect(late.self).toBe(2)
  await gone.beat()
  expect(gone.self).toBe(4)
  expect(await idsSeenBy(late)).toEqual([2, 3, 4])
})

/** A clock that shows another time. */
const wrongClock = (clock: VirtualClock, byMs: number): Clock => ({
  now: () => clock.now() + byMs,
  sleep: (ms, wake) => clock.sleep(ms, wake),
  random: () => clock.random(),
  randomId: () => clock.randomId(),
})

const minuteMs = 60_000

test.each([10 * minuteMs, 3 * minuteMs, lifetimeMs, -lifetimeMs, -3 * minuteMs, -10 * minuteMs])(
  'a gateway whose clock is wrong by %i ms is a gateway like others: it is seen, it sees, and when it is gone it is dead',
  async (byMs) => {
    const items = memoryItems()
    const clock = new VirtualClock()
    const right = new Nodes(items, clock, { host: 'here', port: 9001, zone: null })
    const third = new Nodes(items, clock, { host: 'here', port: 9003, zone: null })
    const dying = new AbortController()
    const wrongly = wrongClock(clock, byMs)
    const sleep: Clock['sleep'] = (ms, wake) => (dying.signal.aborted ? new Promise(() => {}) : wrongly.sleep(ms, wake))
    const wrong = new Nodes(items, { ...wrongly, sleep }, { host: 'here', port: 9002, zone: null })
    const idsSeenBy = async (nodes: Nodes) => (await nodes.live()).map(({ id }) => id)
    await right.join(() => {})
    await clock.move(1000)
    await wrong.join(() => {})
    await third.join(() => {})
    await clock.move(lifetimeMs)
    expect([right.self, wrong.self, third.self]).toEqual([2, 3, 4])
    for (let look = 0; look < 60; look++) {
      await clock.move(500)
      for (const nodes of [right, wrong, third]) expect(await idsSeenBy(nodes)).toEqual([2, 3, 4])
    }
    dying.abort()
    await clock.move(2 * lifetimeMs)
    for (const nodes of [right, third]) expect(await idsSeenBy(nodes)).toEqual([2, 4])
    const newcomer = new Nodes(items, clock, { host: 'here', port: 9004, zone: null })
    await newcomer.beat()
    await clock.move(lifetimeMs)
    expect(await idsSeenBy(newcomer)).not.toContain(3)
    for (const nodes of [right, third]) {
      const leaving = nodes.leave()
      await clock.move(lifetimeMs)
      await leaving
    }
  },
)

test('two processes at one address are one node, and clients never hear of two nodes at one address', async () => {
  const { gateway, idsSeenBy } = world()
  const [one, same] = [gateway(9001), gateway(9001)]
  await Promise.all([one.beat(), same.beat()])
  expect([one.self, same.self]).toEqual([2, 2])
  expect(await idsSeenBy(gateway(9009))).toEqual([2])
})

test('a list that cannot be read stays: nobody dies because the store does not answer', async () => {
  const items = memoryItems()
  let isDown = false
  const faulty = faultyItems(items, {
    decide: () => ({ fault: isDown ? 'drop-before' : 'pass' }),
    sleep: async () => {},
  })
  const { clock, gateway, idsSeenBy } = world(faulty)
  const [one, two] = [gateway(9001), gateway(9002)]
  await one.beat()
  await two.beat()
  isDown = true
  clock.move(100 * lifetimeMs)
  expect(await idsSeenBy(two)).toEqual([2, 3])
  isDown = false
  expect(await idsSeenBy(two)).toEqual([])
})

test('a registration whose answer was lost counts, under one id', async () => {
  let lost = 0
  const items = faultyItems(memoryItems(), {
    decide: ({ call }) => {
      const isLost = call !== 'query' && lost++ % 2 === 0
      return { fault: isLost ? 'drop-after' : 'pass' }
    },
    sleep: async () => {},
  })
  const { gateway, idsSeenBy } = world(items)
  const one = gateway(9001)
  await one.beat()
  expect(one.self).toBe(2)
  expect(await idsSeenBy(gateway(9002))).toEqual([2])
})

test('requests that find a young list ask no store', async () => {
  const items = memoryItems()
  let queries = 0
  const counted = faultyItems(items, {
    decide: () => {
      queries++
      return { fault: 'pass' }
    },
    sleep: async () => {},
  })
  const { clock, gateway } = world(counted)
  const one = gateway(9001)
  await one.beat()
  const before = queries
  clock.move(900)
  for (let request = 0; request < 100; request++) await one.live()
  expect(queries).toBe(before)
  clock.move(200)
  await Promise.all(Array.from({ length: 100 }, () => one.live()))
  expect(queries).toBe(before + 1)
})

test('whoever has joined is heard of until it leaves, and leaves only when the others know', async () => {
  const items = memoryItems()
  const clock = new VirtualClock()
  const [one, two] = [9001, 9002].map((port) => new Nodes(items, clock, { host: 'here', port, zone: null }))
  if (!one || !two) throw new Error('two gateways')
  for (const nodes of [one, two]) await nodes.join(() => {})
  await clock.move(10 * lifetimeMs)
  expect((await two.live()).map(({ id }) => id)).toEqual([2, 3])
  let hasLeft = false
  const leaving = one.leave().then(() => {
    hasLeft = true
  })
  await clock.move(1)
  expect([hasLeft, one.self]).toEqual([false, undefined])
  await clock.move(lifetimeMs / 3)
  await leaving
  expect((await two.live()).map(({ id }) => id)).toEqual([two.self])
  await two.leave()
})

test('a gateway that cannot register says so, and tries again', async () => {
  let isDown = true
  const items = faultyItems(memoryItems(), {
    decide: () => ({ fault: isDown ? 'drop-before' : 'pass' }),
    sleep: async () => {},
  })
  const clock = new VirtualClock()
  const nodes = new Nodes(items, clock, { host: 'here', port: 9001, zone: null })
  const lines: string[] = []
  await nodes.join((line) => lines.push(line))
  expect(lines).toEqual([expect.stringContaining('could not register')])
  isDown = false
  await clock.move(lifetimeMs)
  expect(nodes.self).toBe(2)
  await nodes.leave()
})
