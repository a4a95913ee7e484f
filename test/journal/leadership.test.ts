import { expect, test } from 'vitest'
import { Leadership, rankedFor } from '../../lib/journal/leadership.ts'
import { lifetimeMs, Nodes } from '../../lib/journal/nodes.ts'
import { batchFrom } from '../../lib/log/append.ts'
import { newMeter } from '../../lib/store/meter.ts'
import { batch } from '../support/batches.ts'
import { appendBatches, emptyLog, instance, readAll, type TestLog, testShard } from '../support/log.ts'

/** Gateways over the stores of one log; the port tells them apart. */
const worldOf = async () => {
  const log = await emptyLog()
  const gateway = async (port: number) => {
    const meter = newMeter()
    const items = meter.items(log.items)
    const mine = instance({ ...log, items }, { instance: `gateway-${port}` })
    const nodes = new Nodes(items, log.clock, { host: 'here', port, zone: null })
    const leadership = new Leadership({ nodes, logs: mine.logs, clock: log.clock })
    await nodes.beat()
    return { log: mine, nodes, leadership, meter, lead: () => leadership.lead(testShard) }
  }
  return { log, clock: log.clock, gateway }
}

type Gateway = Awaited<ReturnType<Awaited<ReturnType<typeof worldOf>>['gateway']>>

/** Two gateways that know each other, the one that is to lead first. */
const pairOf = async () => {
  const world = await worldOf()
  const both = [await world.gateway(9001), await world.gateway(9002)]
  for (const { nodes } of both) await nodes.beat()
  return { ...world, ...inOrder(both) }
}

const inOrder = (all: readonly Gateway[]) => {
  const candidates = all.map(({ nodes }) => ({ id: nodes.self ?? 0, ...nodes.address }))
  const order = rankedFor(candidates, testShard).map(({ id }) => all.find(({ nodes }) => nodes.self === id))
  const [first, second] = order
  if (first === undefined || second === undefined) throw new Error('two gateways')
  return { first, second }
}

const appendLed = async ({ lane, clock }: TestLog, leaderEpoch: number | undefined, value: string) => {
  const request = { batches: [batchFrom(0, batch({ value }))], leaderEpoch }
  const answer = await lane.append(request, clock.now() + 30_000)
  if (answer.outcome !== 'decided') throw new Error('the append timed out')
  return answer.verdicts
}

const fenced = [{ outcome: 'refused', error: 'FENCED_LEADER_EPOCH' }]
const values = async (log: TestLog) => (await readAll(log, 0)).map(({ value }) => value)

test('the first of the ranked nodes takes the lead when it is asked, and the others say where it is', async () => {
  const { first, second } = await pairOf()
  const elsewhere = { outcome: 'elsewhere', node: { id: first.nodes.self, ...first.nodes.address } }
  expect(await second.lead()).toEqual({ ...elsewhere, leaderEpoch: undefined })
  expect(await first.lead()).toEqual({ outcome: 'here', leaderEpoch: 1 })
  await second.log.lane.state('confirmed')
  expect(await second.lead()).toEqual({ ...elsewhere, leaderEpoch: 1 })
  expect(await appendLed(first.log, 1, 'led')).toMatchObject([{ baseOffset: 0n }])
})

test('requests that arrive together take the lead once, and those that come later ask no store for it', async () => {
  const { first } = await pairOf()
  const all = await Promise.all(Array.from({ length: 50 }, () => first.lead()))
  expect(all).toEqual(all.map(() => ({ outcome: 'here', leaderEpoch: 1 })))
  const before = first.meter.counts()
  for (let request = 0; request < 50; request++) expect(await first.lead()).toEqual({ outcome: 'here', leaderEpoch: 1 })
  expect(first.meter.counts()).toEqual(before)
})

test('a lead stays taken however many other journals are looked at meanwhile: it is found, not taken again', async () => {
  const { first } = await pairOf()
  await first.lead()
  const { lane, logs } = first.log
  for (let index = 1; logs.lanes().includes(lane); index++) logs.lane({ ...testShard, index })
  expect(logs.known(testShard)).toBeUndefined()
  expect(await first.lead()).toEqual({ outcome: 'here', leaderEpoch: 1 })
})

test('where nobody is registered anybody appends, without an epoch', async () => {
  const { gateway, clock } = await worldOf()
  const one = await gateway(9001)
  await one.nodes.leave()
  expect(await one.lead()).toEqual({ outcome: 'here', leaderEpoch: undefined })
  clock.move(lifetimeMs)
  expect(await one.lead()).toEqual({ outcome: 'here', leaderEpoch: undefined })
})

test('when the leader expires the next one takes the lead, and what was queued with the former is refused', async () => {
  const { first, second, clock } = await pairOf()
  await first.lead()
  await appendLed(first.log, 1, 'a')
  clock.move(lifetimeMs)
  await second.nodes.beat()
  expect(await second.lead()).toEqual({ outcome: 'here', leaderEpoch: 2 })
  const queued = Array.from({ length: 5 }, (_, i) => appendLed(first.log, 1, `queued${i}`))
  await appendLed(second.log, 2, 'b')
  expect(await Promise.all(queued)).toEqual(queued.map(() => fenced))
  expect(await values(second.log)).toEqual(['a', 'b'])
  expect(await first.lead()).toMatchObject({ outcome: 'elsewhere', node: { id: second.nodes.self }, leaderEpoch: 2 })
})

test('a leader that leaves is followed at once', async () => {
  const { first, second } = await pairOf()
  await first.lead()
  await first.nodes.leave()
  expect(await first.lead()).toMatchObject({ outcome: 'elsewhere', node: { id: second.nodes.self } })
  await second.nodes.beat()
  expect(await second.lead()).toEqual({ outcome: 'here', leaderEpoch: 2 })
})

test('a newcomer that comes first takes the lead from whoever has it, and gives it back when it leaves', async () => {
  const { log, first, second } = await pairOf()
  await first.nodes.leave()
  await second.nodes.beat()
  expect(await second.lead()).toEqual({ outcome: 'here', leaderEpoch: 1 })
  await first.nodes.beat()
  expect(await first.lead()).toEqual({ outcome: 'here', leaderEpoch: 2 })
  // It has not heard of the newcomer yet, and learns of it from the journal.
  expect(await appendLed(second.log, 1, 'late')).toEqual(fenced)
  expect(await second.lead()).toMatchObject({ outcome: 'elsewhere', leaderEpoch: 2 })
  await first.nodes.leave()
  await second.nodes.beat()
  expect(await second.lead()).toEqual({ outcome: 'here', leaderEpoch: 3 })
  expect(await values(log)).toEqual([])
})

test('a leader that was frozen for an hour appends nothing under its epoch, whatever it believes when it wakes', async () => {
  const { first, second, clock } = await pairOf()
  await first.lead()
  await appendLed(first.log, 1, 'before')
  const putting = first.log.items.putIfAbsent
  const frozen = Promise.withResolvers<void>()
  const reached = Promise.withResolvers<void>()
  Object.assign(first.log.lane.journal.items, {
    putIfAbsent: async (...args: Parameters<typeof putting>) => {
      reached.resolve()
      await frozen.promise
      return putting(...args)
    },
  })
  const late = appendLed(first.log, 1, 'late')
  await reached.promise
  clock.move(3_600_000)
  await second.nodes.beat()
  expect(await second.lead()).toEqual({ outcome: 'here', leaderEpoch: 2 })
  await appendLed(second.log, 2, 'meanwhile')
  frozen.resolve()
  await expect(late).rejects.toThrow('timed out')
  expect(await appendLed(first.log, 1, 'later')).toEqual(fenced)
  expect(await first.lead()).toMatchObject({ outcome: 'elsewhere', node: { id: second.nodes.self } })
  expect(await values(second.log)).toEqual(['before', 'meanwhile'])
})

test('when two believe that they lead, only the one with the newer epoch appends', async () => {
  const { first, second, clock } = await pairOf()
  await first.lead()
  clock.move(lifetimeMs)
  await second.nodes.beat()
  await second.lead()
  const epochs = { first: 1, second: 2 }
  const both = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => [
      await appendLed(first.log, epochs.first, `first${i}`),
      await appendLed(second.log, epochs.second, `second${i}`),
    ]),
  )
  expect(both.map(([of]) => of)).toEqual(both.map(() => fenced))
  expect(new Set(await values(second.log))).toEqual(new Set(Array.from({ length: 10 }, (_, i) => `second${i}`)))
})

test('a gateway that was started again at its address fences what the one before it still sends', async () => {
  const { gateway } = await worldOf()
  const before = await gateway(9001)
  expect(await before.lead()).toEqual({ outcome: 'here', leaderEpoch: 1 })
  const after = await gateway(9001)
  expect(after.nodes.self).toBe(before.nodes.self)
  expect(await after.lead()).toEqual({ outcome: 'here', leaderEpoch: 2 })
  expect(await appendLed(before.log, 1, 'late')).toEqual(fenced)
  // Behind one address both are the node: each takes the lead once, and then they share it.
  expect(await before.lead()).toEqual({ outcome: 'here', leaderEpoch: 2 })
  expect(await after.lead()).toEqual({ outcome: 'here', leaderEpoch: 2 })
})

test('functions append beside a leader, without an epoch and without taking the lead', async () => {
  const { log, first } = await pairOf()
  await first.lead()
  await appendLed(first.log, 1, 'gateway')
  await appendBatches(log, 0, batch({ value: 'function' }))
  await appendLed(first.log, 1, 'gateway again')
  expect(await values(log)).toEqual(['gateway', 'function', 'gateway again'])
  expect(await first.lead()).toEqual({ outcome: 'here', leaderEpoch: 1 })
})

test('of a topic that is deleted nobody takes the lead', async () => {
  const { log, clock, first } = await pairOf()
  await log.lane.change(() => ({ kind: 'end' }), clock.now() + 1000)
  expect(await first.lead()).toEqual({ outcome: 'here', leaderEpoch: undefined })
  expect(await appendLed(first.log, undefined, 'late')).toMatchObject([{ error: 'UNKNOWN_TOPIC_OR_PARTITION' }])
})
