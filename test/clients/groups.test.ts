import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { chance as chanceOf } from '../gateway/chance.ts'
import { createBucket, createTable, environmentOf, startEmulator } from '../support/emulator.ts'
import type { GroupMember, MemberKind } from '../support/group-members.ts'
import { type GroupRun, groupRun } from '../support/group-run.ts'
import { against, type ServerUnderTest, startServer } from '../support/server.ts'
import { skipWithout } from '../support/tools.ts'

/** The one that waits longest comes first. */
const withoutJava = ['platformatic-consumer', 'platformatic-classic', 'kafkajs', 'kcat'] as const

const java = ['verifiable-consumer', 'verifiable-classic', 'console-consumer', 'console-classic'] as const
const isJava = (kind: MemberKind): boolean => java.some((one) => one === kind)

/** A member of the new protocol that is killed is missed after 45 s or more, which is the server's choice. */
const timeoutMs = 90_000
/** Whoever waits in vain says so before, and ends what it has started. */
const caseTimeoutMs = 240_000

const run = ({ bootstrap }: { readonly bootstrap: string }, kind: MemberKind, name: string): Promise<GroupRun> => {
  const protocol = kind.endsWith('consumer') ? 'consumer' : 'classic'
  return groupRun({ bootstrap, name: `${name}-${kind}`, protocol, timeoutMs })
}

const leaveAll = (members: readonly GroupMember[]) => Promise.all(members.map((member) => member.leave()))

// Side by side, because most of the time of a group is waiting.
describe.concurrent('groups over 12 partitions', { timeout: caseTimeoutMs }, () => {
  let server: ServerUnderTest
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  describe.each([...withoutJava, ...java])('%s', (kind) => {
    const skipped = kind === 'kcat' ? skipWithout('kcat') : isJava(kind) && skipWithout('kafka')

    test.skipIf(skipped)('no record is lost while members join, leave and are killed', async () => {
      await using group = await run(server, kind, 'churn')
      await churn(group, kind)
      await group.untilProcessed()
      for (const [partition, offset] of (await group.committed()).entries()) {
        expect(offset ?? 0).toBeLessThanOrEqual(group.processedTo()[partition] ?? 0)
      }
    })

    test.skipIf(skipped)('each record is processed once by groups of 1 to 5 members', async () => {
      await using group = await run(server, kind, 'stable')
      const members: GroupMember[] = []
      let sent = 0
      for (const size of isJava(kind) ? [1, 5, 2] : [1, 3, 5, 4, 2]) {
        while (members.length < size) members.push(group.start(kind))
        await leaveAll(members.splice(size))
        await group.untilStable(size)
        await group.produce(240)
        sent += 240
        await group.untilProcessed()
        await group.untilCommitted()
        expect(group.times()).toEqual({ 1: sent })
        expect(members.map((member) => member.said()).join('')).not.toContain('crash')
      }
      await leaveAll(members)
      await group.produce(120)
      const late = group.start(kind)
      await group.untilProcessed()
      await late.leave()
      await group.untilCommitted()
      expect(group.times()).toEqual({ 1: sent + 120 })
    })
  })

  describe.skipIf(skipWithout('kafka')).each(['classic', 'consumer'] as const)("Java's, %s protocol", (protocol) => {
    test('a console and a verifiable consumer share a group, and one carries on alone', async () => {
      await using group = await run(server, `console-${protocol}`, 'java')
      const verifiable = group.start(`verifiable-${protocol}`)
      group.start(`console-${protocol}`)
      await group.untilStable(2)
      await group.produce(240)
      await group.untilProcessed()
      await group.untilCommitted()
      expect(group.times()).toEqual({ 1: 240 })
      await verifiable.leave()
      await group.untilStable(1)
      await group.produce(240)
      await group.untilProcessed()
      await group.untilCommitted()
      expect(group.times()).toEqual({ 1: 480 })
    })
  })

  test.each(['kafkajs', 'platformatic-consumer'] as const)(
    '%s: commits survive kill -9 of the server',
    async (kind) => {
      await using own = await startServer()
      await using group = await run(own, kind, 'restart')
      const first = [group.start(kind), group.start(kind)]
      await group.untilStable(2)
      await group.produce(240)
      await group.untilProcessed()
      await group.untilCommitted()
      await leaveAll(first)
      await own.killAndRestart()
      group.start(kind)
      group.start(kind)
      await group.untilStable(2)
      await group.produce(240)
      await group.untilProcessed()
      await group.untilCommitted()
      expect(group.times()).toEqual({ 1: 480 })
      // Now with members that are in the middle of it.
      await group.produce(1200)
      await own.killAndRestart()
      await group.produce(240)
      await group.untilProcessed()
      expect(group.times(480)).toEqual({ 1: 480 })
    },
  )
})

describe.skipIf(against === 'kafka')('two servers over one table and bucket', { timeout: caseTimeoutMs }, () => {
  test('serve the same groups, and when one is killed its members go on at the other', async () => {
    const emulator = await startEmulator()
    onTestFinished(() => emulator.close())
    await createTable(emulator.dynamo, 'wadi')
    await createBucket(emulator.s3, 'wadi')
    const environment = environmentOf(emulator)
    await using mortal = await startServer(environment)
    await using survivor = await startServer(environment)
    const kinds = ['kafkajs', 'platformatic-consumer', 'kcat'] as const
    const isKilled = Promise.withResolvers<void>()
    let ready = 0
    const runs = kinds.map(async (kind) => {
      await using group = await run(survivor, kind, 'moving')
      for (const at of [`${mortal.bootstrap},${survivor.bootstrap}`, survivor.bootstrap]) {
        group.start(kind, at)
        group.start(kind, at)
      }
      await group.untilStable(4)
      await group.produce(240)
      await group.untilProcessed()
      await group.untilCommitted()
      expect(group.times()).toEqual({ 1: 240 })
      ready++
      if (ready === kinds.length) {
        await mortal[Symbol.asyncDispose]()
        isKilled.resolve()
      }
      await isKilled.promise
      await group.produce(240)
      await group.untilProcessed()
      await group.untilStable(4)
      await group.untilCommitted()
      expect(group.times(240)).toEqual({ 1: 240 })
    })
    // Nobody waits for one that has failed, and all have ended their members before the servers end.
    for (const each of runs) each.catch(isKilled.reject)
    isKilled.promise.catch(() => {})
    await Promise.allSettled(runs)
    await Promise.all(runs)
  })
})

/** Records keep coming while members join, leave and are killed in an order left to chance; at least one is left. */
const churn = async (group: GroupRun, kind: MemberKind): Promise<void> => {
  const seed = Number(process.env['WADI_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  process.stderr.write(`${group.group}: WADI_TEST_SEED=${seed}\n`)
  const chance = chanceOf(seed)
  // kcat, told to leave, commits the record it has in its hand and does not print it.
  const leaving = kind === 'kcat' ? 'kill' : 'leave'
  let members = [group.start(kind), group.start(kind), group.start(kind)]
  await group.untilStable(members.length)
  const left: Promise<void>[] = []
  for (const what of shuffled(['join', 'join', 'join', leaving, leaving, 'kill', 'kill'], chance)) {
    for (let i = 0; i < 3; i++) await Promise.all([group.produce(60), pause(400)])
    // The oldest has partitions for certain.
    const victim = what === 'kill' ? members[0] : members[chance.below(members.length)]
    if (what === 'join' || victim === undefined || members.length === 1) {
      members.push(group.start(kind))
      continue
    }
    members = members.filter((member) => member !== victim)
    left.push(what === 'leave' ? victim.leave() : victim.kill())
  }
  await Promise.all(left)
}

const shuffled = <Value>(values: readonly Value[], { below }: { readonly below: (end: number) => number }) =>
  values
    .map((value) => ({ value, place: below(2 ** 30) }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ value }) => value)
