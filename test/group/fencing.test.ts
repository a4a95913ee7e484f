import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GroupDocuments } from '../../lib/group/documents.ts'
import { Groups } from '../../lib/group/groups.ts'
import { defaultGroupLimits } from '../../lib/group/limits.ts'
import { OffsetDocuments } from '../../lib/group/offset-documents.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { FixedClock } from '../support/log.ts'
import { Interleaved } from './interleaved.ts'

const topicId = 't'
const noTopics = { find: async () => undefined, all: async () => [] }

type Committed = { readonly offset: bigint } | undefined

/** A group with the static members a and b in its first generation; a has committed 10. */
const world = async () => {
  const clock = new FixedClock()
  const [items, objects] = [memoryItems(), memoryObjects(() => clock.now())]
  const interleaved = new Interleaved(items)
  const groupsOver = (over: typeof items): Groups =>
    new Groups({ items: over, objects, clock }, noTopics, { initialJoinDelayMs: 0 })
  const calm = groupsOver(items)
  const joining = { clientHost: '', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, protocolType: 'consumer' }
  const join = (groups: Groups, clientId: string, memberId = '', metadata = '') =>
    groups.join('g', {
      ...joining,
      clientId,
      memberId,
      instanceId: null,
      protocols: [{ name: 'range', metadata: Buffer.from(metadata) }],
      knowsMemberIdRequired: false,
      knowsSkipAssignment: true,
    })
  const sync = (groups: Groups, memberId: string, generation: number) =>
    groups.sync('g', { memberId, instanceId: null, generation, protocolType: null, protocol: null, assignments: [] })
  const commit = (groups: Groups, memberId: string, generation: number, offset: bigint) =>
    groups.commit('g', { memberId, instanceId: null, generationOrEpoch: generation }, [
      { topicId, commits: [{ index: 0, offset, leaderEpoch: 0, metadata: '' }] },
    ])
  const fetch = async (groups: Groups): Promise<Committed> => {
    const { offsets } = await groups.fetchOffsets('g', { memberId: null, memberEpoch: -1 }, [topicId])
    return offsets.get(topicId)?.[0]
  }
  const a = await join(calm, 'a')
  await sync(calm, a.memberId, a.generation)
  await commit(calm, a.memberId, a.generation, 10n)
  const documents = new GroupDocuments({ items, objects, clock }, defaultGroupLimits)
  /** What is fetched by somebody who forgets the fence. */
  const fetchUnfenced = async (over: typeof items): Promise<Committed> => {
    const group = await documents.load('g')
    const settled = (groupId: string) => documents.load(groupId)
    const offsets = new OffsetDocuments({ items: over, clock, documents, writeTimeoutMs: 1000, settled })
    const read = await offsets.read(group?.life ?? '', [topicId], undefined)
    return read.get(topicId)?.[0]
  }
  return { clock, items, interleaved, groupsOver, calm, a, join, sync, commit, fetch, fetchUnfenced }
}

type World = Awaited<ReturnType<typeof world>>

/** One coordinator commits for a while another takes a out of the group, lets b in and fetches for it. */
const race = async (w: World, choose: (count: number) => number, fenced: boolean) => {
  const { interleaved, groupsOver, a } = w
  const x = groupsOver(interleaved.of('x'))
  const y = groupsOver(interleaved.of('y'))
  const commits = w.commit(x, a.memberId, a.generation, 20n)
  const takesOver = async (): Promise<{ readonly fetched: Committed; readonly generation: number }> => {
    await y.leave('g', [{ memberId: a.memberId, instanceId: null }])
    const b = await w.join(y, 'b')
    await w.sync(y, b.memberId, b.generation)
    return { fetched: fenced ? await w.fetch(y) : await w.fetchUnfenced(interleaved.of('y')), generation: b.generation }
  }
  const [committed, b] = await interleaved.run(Promise.all([commits, takesOver()]), choose)
  return { answer: committed.get(topicId)?.get(0), fetched: b.fetched?.offset, end: (await w.fetch(w.calm))?.offset }
}

/** Now one, now the other, for a while. */
const choices = fc
  .array(fc.tuple(fc.nat({ max: 1 }), fc.integer({ min: 1, max: 12 })), { minLength: 12, maxLength: 12 })
  .map((turns) => turns.flatMap(([who, count]) => Array.from({ length: count }, () => who)))

const from = (list: readonly number[]): (() => number) => {
  let next = 0
  return () => list[next++] ?? 0
}

test('what the next owner has fetched is not changed by a commit of the generation before, in any order of calls', async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(choices, async (list) => {
      const { answer, fetched, end } = await race(await world(), from(list), true)
      expect(end).toBe(fetched)
      expect(answer === 'NONE').toBe(end === 20n)
      seen.add(`${answer} ${fetched}`)
    }),
    { numRuns: 400 },
  )
  // Both ends of the race have been seen.
  expect([...seen].toSorted()).toEqual(['NONE 20', 'UNKNOWN_MEMBER_ID 10'])
})

test('without the fence some order of calls would do it', async () => {
  const result = await fc.check(
    fc.asyncProperty(choices, async (list) => {
      const { fetched, end } = await race(await world(), from(list), false)
      return end === fetched
    }),
    { numRuns: 400 },
  )
  expect(result.failed).toBe(true)
})

test('two commits of a member never go backwards once the first has looked, in any order of calls', async () => {
  await fc.assert(
    fc.asyncProperty(choices, async (list) => {
      const w = await world()
      const { memberId, generation } = w.a
      const x = w.groupsOver(w.interleaved.of('x'))
      const y = w.groupsOver(w.interleaved.of('y'))
      // Each coordinator knows the group, so that the first look of a commit is at its offsets.
      await w.interleaved.run(w.commit(x, memberId, generation, 11n), () => 0)
      await w.interleaved.run(w.commit(y, memberId, generation, 12n), () => 0)
      const first = w.commit(x, memberId, generation, 20n)
      const second = w.commit(y, memberId, generation, 30n)
      // The first commit's first look goes before everything else.
      let looked = 0
      const choose = from(list)
      await w.interleaved.run(Promise.all([first, second]), () => (looked++ === 0 ? 0 : choose()))
      expect((await w.fetch(w.calm))?.offset).toBe(30n)
    }),
    { numRuns: 300 },
  )
})
