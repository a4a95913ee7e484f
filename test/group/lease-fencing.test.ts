import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GroupDocuments } from '../../lib/group/documents.ts'
import type { LeaseRange } from '../../lib/group/group.ts'
import { Groups } from '../../lib/group/groups.ts'
import { lend } from '../../lib/group/lease.ts'
import { defaultGroupLimits } from '../../lib/group/limits.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { FixedClock } from '../support/log.ts'
import { Interleaved } from './interleaved.ts'

const topicId = 't'
const noTopics = { find: async () => undefined, all: async () => [] }
const range = (from: number): LeaseRange => ({ topicId, name: 'orders', index: 0, from, upTo: from + 10 })
const request = { clientId: 'worker', clientHost: '/', leaseMs: 1000 }
const everything = { upTo: undefined, failed: [] }
const nobody = { memberId: '', instanceId: null, generationOrEpoch: -1 }

/** A group that has committed 10. */
const world = async () => {
  const clock = new FixedClock()
  const [items, objects] = [memoryItems(), memoryObjects(() => clock.now())]
  const interleaved = new Interleaved(items)
  const groupsOver = (over: typeof items): Groups => new Groups({ items: over, objects, clock }, noTopics)
  const calm = groupsOver(items)
  const move = (groups: Groups, offset: bigint) =>
    groups.commit('g', nobody, [{ topicId, commits: [{ index: 0, offset, leaderEpoch: 0, metadata: '' }] }])
  const committed = async (): Promise<bigint | undefined> =>
    (await calm.fetchOffsets('g', { memberId: null, memberEpoch: -1 }, [topicId])).offsets.get(topicId)?.[0]?.offset
  await move(calm, 10n)
  /** What somebody is lent who goes on behind what is committed; undefined: nothing. */
  const poll = async (groups: Groups): Promise<{ readonly token: string; readonly from: number } | undefined> => {
    const view = await groups.leases.look('g', [topicId])
    if (view === undefined || view.isLent(topicId, 0)) return undefined
    const from = Number(view.offsets.get(topicId)?.[0]?.offset ?? 0n)
    const lent = await groups.leases.lend('g', [range(from)], view.offsets, request)
    return 'lease' in lent && lent.lease ? { token: lent.lease.memberId, from } : undefined
  }
  return { clock, items, objects, interleaved, groupsOver, calm, move, committed, poll }
}

type World = Awaited<ReturnType<typeof world>>

/** Now one, now the other, for a while. */
const choices = fc
  .array(fc.tuple(fc.nat({ max: 1 }), fc.integer({ min: 1, max: 8 })), { minLength: 12, maxLength: 12 })
  .map((turns) => turns.flatMap(([who, count]) => Array.from({ length: count }, () => who)))

const from = (list: readonly number[]): (() => number) => {
  let next = 0
  return () => list[next++] ?? 0
}

/** A lease that has ended is acknowledged while somebody takes over. */
const race = async (w: World, choose: () => number, poll: (groups: Groups) => ReturnType<World['poll']>) => {
  const slow = await w.poll(w.calm)
  w.clock.move(2000)
  const x = w.groupsOver(w.interleaved.of('x'))
  const y = w.groupsOver(w.interleaved.of('y'))
  const both = Promise.all([x.leases.acknowledge('g', slow?.token ?? '', everything), poll(y)])
  const [acked, taken] = await w.interleaved.run(both, choose)
  return { acked: acked.error, taken, end: await w.committed() }
}

test('what the next worker was lent is not committed by the lease before, in any order of calls', async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(choices, async (list) => {
      const w = await world()
      const { acked, taken, end } = await race(w, from(list), w.poll)
      expect(acked === 'NONE').toBe(end === 20n)
      if (taken) expect(BigInt(taken.from)).toBe(end)
      seen.add(`${acked} ${taken?.from}`)
    }),
    { numRuns: 500 },
  )
  expect([...seen]).toEqual(expect.arrayContaining(['FENCED_MEMBER_EPOCH 10', 'NONE 20']))
})

test('without the fence some order of calls would do it', async () => {
  const result = await fc.check(
    fc.asyncProperty(choices, async (list) => {
      const w = await world()
      const forgetful = async (groups: Groups) => {
        const stores = { items: w.interleaved.of('y'), objects: w.objects, clock: w.clock }
        const documents = new GroupDocuments(stores, defaultGroupLimits)
        const view = await groups.leases.look('g', [topicId])
        const at = Number(view?.offsets.get(topicId)?.[0]?.offset ?? 0n)
        const lent = await documents.step('g', (group, moment) => lend(group, [range(at)], request, moment))
        return 'lease' in lent && lent.lease ? { token: '', from: at } : undefined
      }
      const { taken, end } = await race(w, from(list), forgetful)
      return taken === undefined || BigInt(taken.from) === end
    }),
    { numRuns: 500 },
  )
  expect(result.failed).toBe(true)
})

test('who moves the offsets of a group that is idle is not overtaken by a lease, in any order of calls', async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(choices, async (list) => {
      const w = await world()
      const done = await w.poll(w.calm)
      await w.calm.leases.acknowledge('g', done?.token ?? '', everything)
      const x = w.groupsOver(w.interleaved.of('x'))
      const y = w.groupsOver(w.interleaved.of('y'))
      const [moved, lent] = await w.interleaved.run(Promise.all([w.move(x, 0n), w.poll(y)]), from(list))
      const end = await w.committed()
      const answer = moved.get(topicId)?.get(0)
      expect(answer === 'NONE').toBe(end === 0n)
      if (lent) expect(BigInt(lent.from)).toBe(end)
      seen.add(`${answer} ${lent?.from}`)
    }),
    { numRuns: 500 },
  )
  expect([...seen]).toEqual(expect.arrayContaining(['UNKNOWN_MEMBER_ID 20', 'NONE 0']))
})

test('two acknowledgements of one lease never go backwards, in any order of calls', async () => {
  await fc.assert(
    fc.asyncProperty(choices, async (list) => {
      const w = await world()
      const lease = await w.poll(w.calm)
      const upTo = (offset: number) => ({ upTo: new Map([[topicId, new Map([[0, offset]])]]), failed: [] })
      const half = w.groupsOver(w.interleaved.of('x')).leases.acknowledge('g', lease?.token ?? '', upTo(15))
      const whole = w.groupsOver(w.interleaved.of('y')).leases.acknowledge('g', lease?.token ?? '', upTo(20))
      await w.interleaved.run(Promise.all([half, whole]), from(list))
      expect(await w.committed()).toBe(20n)
      expect((await w.calm.leases.describe('g'))?.members).toEqual([])
    }),
    { numRuns: 300 },
  )
})
