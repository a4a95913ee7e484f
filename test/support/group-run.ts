import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { Connection, consumerGroupDescribeV0 } from '@platformatic/kafka'
import type { Admin } from 'kafkajs'
import { AssignerProtocol } from 'kafkajs'
import { kafkaJs } from './admin.ts'
import { type GroupMember, type MemberKind, startMember } from './group-members.ts'

const partitions = 12

/** A group over a topic with 12 partitions, and what its members have processed. */
export type GroupRun = {
  readonly group: string
  readonly topic: string
  readonly start: (kind: MemberKind, bootstrap?: string) => GroupMember
  /** Sends so many more records, round the partitions. */
  readonly produce: (count: number) => Promise<void>
  /** Waits until the group has these members, each with its partitions, and nothing moves. */
  readonly untilStable: (members: number) => Promise<void>
  /** Waits until every record sent so far has been processed at least once. */
  readonly untilProcessed: () => Promise<void>
  /** Waits until everything sent so far is committed. */
  readonly untilCommitted: () => Promise<void>
  /** How often records were processed, those sent first or all: `{ 1: 600 }` is 600 records, each exactly once. */
  readonly times: (first?: number) => Readonly<Record<number, number>>
  /** The offset each partition has committed, and the first that nobody has processed. */
  readonly committed: () => Promise<readonly (number | undefined)[]>
  readonly processedTo: () => readonly number[]
  /** Kills the members that are left. */
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export type GroupRunOptions = {
  readonly bootstrap: string
  readonly name: string
  readonly protocol: 'classic' | 'consumer'
  readonly timeoutMs: number
}

/** A new topic and a group of no members yet. */
export const groupRun = async ({ bootstrap, name, protocol, timeoutMs }: GroupRunOptions): Promise<GroupRun> => {
  const [topic, group] = [`topic-${name}`, `group-${name}`]
  const kafka = kafkaJs(bootstrap)
  const [admin, producer] = [kafka.admin(), kafka.producer({ allowAutoTopicCreation: false, idempotent: true })]
  await Promise.all([admin.connect(), producer.connect()])
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: false })
  const leaders = async (): Promise<number> => {
    const metadata = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => ({ topics: [] }))
    return metadata.topics.flatMap((described) => described.partitions.filter(({ leader }) => leader >= 0)).length
  }
  await until('every partition has a leader', leaders, partitions, timeoutMs)
  const members: GroupMember[] = []
  const times = new Map<string, number>()
  const ends = Array.from({ length: partitions }, () => 0)
  let sent = 0
  const committed = async (): Promise<readonly (number | undefined)[]> => {
    const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
    const byPartition = new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
    return ends.map((_, partition) => byPartition.get(partition)).map((offset) => (offset === -1 ? undefined : offset))
  }
  const stability =
    protocol === 'classic' ? () => classicStability(admin, group) : () => consumerStability(bootstrap, group)
  return {
    group,
    topic,
    start: (kind, at = bootstrap) => {
      const member = startMember({ kind, bootstrap: at, group, topic }, ({ partition, offset, value }) => {
        times.set(value, (times.get(value) ?? 0) + 1)
        ends[partition] = Math.max(ends[partition] ?? 0, offset + 1)
      })
      members.push(member)
      return member
    },
    produce: async (count) => {
      const messages = Array.from({ length: count }, (_, index) => ({
        value: `r${sent + index}`,
        partition: (sent + index) % partitions,
      }))
      await producer.send({ topic, messages })
      sent += count
    },
    untilStable: async (count) => {
      await until('the group is stable', stability, { state: 'Stable', members: count, partitions }, timeoutMs)
      await pause(settleMs)
    },
    untilProcessed: () => until('no record is missing', async () => sent - times.size, 0, timeoutMs),
    untilCommitted: () => {
      const expected = ends.map((_, partition) => Math.floor((sent + partitions - 1 - partition) / partitions))
      return until('everything is committed', committed, expected, timeoutMs)
    },
    times: (first = sent) => {
      const counts = Array.from({ length: first }, (_, index) => times.get(`r${index}`) ?? 0)
      return Object.fromEntries([...Map.groupBy(counts, (count) => count)].map(([count, all]) => [count, all.length]))
    },
    committed,
    processedTo: () => ends,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([admin.disconnect(), producer.disconnect(), ...members.map((member) => member.kill())])
    },
  }
}

type Stability = { readonly state: string; readonly members: number; readonly partitions: number }

const pollEveryMs = 100
/** What members had asked for before the group became stable has been answered by then. */
const settleMs = 1000

/** Waits until `look` sees what is expected; throws what it sees instead when time is up. For tests that run side by side. */
export const until = async (
  what: string,
  look: () => Promise<unknown>,
  expected: unknown,
  timeoutMs: number,
): Promise<void> => {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const seen = await look()
    if (isDeepStrictEqual(seen, expected)) return
    if (performance.now() > deadline) throw new Error(`After ${timeoutMs} ms not yet: ${what}. ${JSON.stringify(seen)}`)
    await pause(pollEveryMs)
  }
}

const classicStability = async (admin: Admin, groupId: string): Promise<Stability> => {
  const described = (await admin.describeGroups([groupId])).groups[0]
  const assignments = (described?.members ?? []).flatMap(({ memberAssignment }) => {
    const assignment = memberAssignment.length === 0 ? null : AssignerProtocol.MemberAssignment.decode(memberAssignment)
    return Object.values(assignment?.assignment ?? {}).flat()
  })
  return {
    state: described?.state ?? 'unknown',
    members: described?.members.length ?? 0,
    partitions: assignments.length,
  }
}

const consumerStability = async (bootstrap: string, groupId: string): Promise<Stability> => {
  const [host = '', port] = bootstrap.split(':')
  const connection = new Connection('suite')
  await connection.connect(host, Number(port))
  try {
    const { groups } = await consumerGroupDescribeV0.api.async(connection, [groupId], false)
    const topics = (groups[0]?.members ?? []).flatMap(({ assignment }) => assignment.topicPartitions)
    return {
      state: groups[0]?.groupState ?? 'unknown',
      members: groups[0]?.members.length ?? 0,
      partitions: topics.reduce((sum, { partitions: owned }) => sum + owned.length, 0),
    }
  } catch {
    // Until its first member has come there is no such group, which this client throws.
    return { state: 'unknown', members: 0, partitions: 0 }
  } finally {
    await connection.close()
  }
}
