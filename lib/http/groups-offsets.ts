import * as z from 'zod/mini'
import { type Snapshot, SnapshotTooLarge } from '../group/snapshots.ts'
import type { Topic } from '../log/topic.ts'
import type { HttpApi } from './api.ts'
import { findTopic } from './find-topic.ts'
import { committedOf, missing } from './groups-describe.ts'
import { groupParams, groupProblem, requireGroupId, topicName } from './groups-parameters.ts'
import { HttpProblem } from './http-problem.ts'
import { described, flag, noQuery } from './parameters.ts'
import { cursorFrom } from './read-from.ts'
import { type Route, route } from './route.ts'
import { measurePartitions } from './topic-answers.ts'

const maxTopics = 100
const maxToCharacters = 10_000
const snapshotPrefix = 'snapshot:'

const wanted = z.strictObject({
  to: described(
    z.string().check(z.maxLength(maxToCharacters)),
    'earliest, latest, -1h, a date and time, p0:1234,p1:7 (offsets of one topic), or snapshot:<name> to undo.',
    '-1h',
  ),
  topics: described(
    z.optional(z.array(topicName()).check(z.minLength(1), z.maxLength(maxTopics))),
    'The topics; all of which something is committed, by default.',
    ['orders'],
  ),
  dryRun: flag('Tells what would happen, and changes nothing.'),
})

/** A partition whose offset moves; null: nothing is committed. */
type Move = { readonly topic: Topic; readonly index: number; readonly from: bigint | null; readonly to: bigint | null }

const place = z.object({
  topic: z.string(),
  partition: z.int(),
  from: z.nullable(z.int()),
  to: z.nullable(z.int()),
  skipped: z.int(),
  repeated: z.int(),
})

export const offsetsRoute = (api: HttpApi): Route =>
  route({
    method: 'put',
    path: '/v1/groups/{group}/offsets',
    operationId: 'putOffsets',
    summary: 'Moves what a group has committed, while nobody uses it. Look at it with dryRun first.',
    description: 'What was committed before is kept as a snapshot: { "to": "snapshot:<name>" } brings it back.',
    tag: 'groups',
    params: groupParams(),
    query: noQuery,
    body: wanted,
    answers: {
      200: {
        description: 'Where each partition goes on now, or would, and how many records it skips or repeats.',
        content: {
          'application/json': z.object({
            group: z.string(),
            snapshot: z.nullable(z.string()),
            skipped: z.int(),
            repeated: z.int(),
            partitions: z.array(place),
            dryRun: z.optional(z.boolean()),
          }),
        },
      },
      404: {
        description: 'GROUP_NOT_FOUND, TOPIC_NOT_FOUND, OFFSET_OUT_OF_RANGE; NOT_FOUND: there is no such snapshot.',
      },
      409: { description: 'NOT_EMPTY: the group has members or leases.' },
      504: { description: 'TIMED_OUT: whether it is moved is not known. Repeat it.' },
    },
    examples: [
      {
        path: '/v1/groups/reports/offsets',
        body: '{ "to": "earliest", "topics": ["orders"], "dryRun": true }',
        status: 200,
      },
      { path: '/v1/groups/reports/offsets', body: '{ "to": "latest", "topics": ["orders"] }', status: 200 },
      { path: '/v1/groups/reports/offsets', body: '{ "to": "snapshot:gone" }', status: 404 },
    ],
    handle: async ({ c, params, body }) => {
      const { call } = api
      const groupId = requireGroupId(params.group)
      const group = await call.groups.describe(groupId)
      if (group === undefined && body.topics === undefined) throw missing(groupId)
      if (group !== undefined && group.members.length > 0) throw groupProblem('NON_EMPTY_GROUP')
      const moves = body.to.startsWith(snapshotPrefix)
        ? await movesBack(api, groupId, body.to.slice(snapshotPrefix.length), body.topics)
        : await movesTo(api, groupId, body)
      const partitions = await previewOf(api, moves)
      const snapshot = body.dryRun || group === undefined ? null : await keep(api, groupId, moves)
      if (!body.dryRun) await move(api, groupId, moves)
      return c.json({
        group: groupId,
        snapshot,
        skipped: partitions.reduce((sum, { skipped }) => sum + skipped, 0),
        repeated: partitions.reduce((sum, { repeated }) => sum + repeated, 0),
        partitions,
        ...(body.dryRun && { dryRun: true }),
      })
    },
  })

const movesTo = async (
  api: HttpApi,
  groupId: string,
  { to, topics: names }: z.infer<typeof wanted>,
): Promise<readonly Move[]> => {
  const committed = await committedOf(api, groupId)
  const topics = names
    ? await Promise.all([...new Set(names)].map((name) => findTopic(api.call, name)))
    : committed.map(({ topic }) => topic)
  if (/^p\d/.test(to) && topics.length !== 1) {
    throw new HttpProblem('INVALID_REQUEST', 'Offsets are those of one topic: "topics" has to name it.')
  }
  if (/^c\d+\./.test(to)) throw new HttpProblem('INVALID_REQUEST', 'A cursor is no place for a group.')
  const moves = topics.map(async (topic): Promise<readonly Move[]> => {
    const { positions } = await cursorFrom(api, topic, to, undefined)
    const own = committed.find((one) => one.topic.id === topic.id)?.partitions ?? []
    return [...positions].map(([index, offset]) => {
      const from = own.find((one) => one.index === index)?.offset ?? null
      return { topic, index, from, to: offset }
    })
  })
  return (await Promise.all(moves)).flat()
}

/** To what a snapshot has kept, in topics that are still there. */
const movesBack = async (
  api: HttpApi,
  groupId: string,
  name: string,
  names: readonly string[] | undefined,
): Promise<readonly Move[]> => {
  const snapshots = await api.call.groups.snapshots(groupId)
  const snapshot = snapshots.find((one) => one.name === name)
  if (snapshot === undefined) {
    const known = snapshots.map((one) => one.name).join(', ')
    throw new HttpProblem('NOT_FOUND', 'The group has no such snapshot.', {
      hint: known === '' ? 'It has none.' : `It has ${known}.`,
    })
  }
  const committed = await committedOf(api, groupId)
  const moves = snapshot.offsets.map(async ([topicId, index, offset]): Promise<readonly Move[]> => {
    const topic = await api.call.topics.findById(topicId)
    if (topic === undefined || (names !== undefined && !names.includes(topic.name))) return []
    const own = committed.find((one) => one.topic.id === topicId)?.partitions ?? []
    const from = own.find((one) => one.index === index)?.offset ?? null
    return [{ topic, index, from, to: offset === null ? null : BigInt(offset) }]
  })
  return (await Promise.all(moves)).flat()
}

const previewOf = async ({ call }: HttpApi, moves: readonly Move[]): Promise<readonly z.infer<typeof place>[]> => {
  const topics = new Map(moves.map(({ topic }) => [topic.id, topic]))
  const measured = new Map(
    await Promise.all([...topics.values()].map(async (one) => [one.id, await measurePartitions(call, one)] as const)),
  )
  return moves.map(({ topic, index, from, to }) => {
    const { earliest = 0 } = measured.get(topic.id)?.[index] ?? {}
    // A group that has committed nothing begins where it is told to: it neither skips nor repeats.
    const [before, after] = [from ?? to, to ?? from].map((one) => Math.max(earliest, Number(one ?? 0)))
    const ahead = (after ?? 0) - (before ?? 0)
    return {
      topic: topic.name,
      partition: index,
      from: from === null ? null : Number(from),
      to: to === null ? null : Number(to),
      skipped: Math.max(0, ahead),
      repeated: Math.max(0, -ahead),
    }
  })
}

const keep = async ({ call }: HttpApi, groupId: string, moves: readonly Move[]): Promise<string> => {
  const { clock, groups } = call
  const atMs = clock.now()
  const name = `${new Date(atMs).toISOString().replace(/[:.]/g, '-')}-${clock.randomId().slice(0, 4)}`
  const offsets = moves.map(({ topic, index, from }) => [topic.id, index, from === null ? null : String(from)] as const)
  const snapshot: Snapshot = { name, atMs, offsets }
  try {
    await groups.keepSnapshot(groupId, snapshot)
    return name
  } catch (error) {
    if (!(error instanceof SnapshotTooLarge)) throw error
    throw new HttpProblem('TOO_LARGE', 'These are too many partitions to be kept in one snapshot.', {
      hint: 'Move the offsets of some topics at a time.',
    })
  }
}

const move = async ({ call }: HttpApi, groupId: string, moves: readonly Move[]): Promise<void> => {
  const { groups } = call
  const topics = [...new Map(moves.map(({ topic }) => [topic.id, topic])).values()]
  const byTopic = topics.map((topic) => {
    const own = moves.filter((one) => one.topic.id === topic.id)
    return {
      topic,
      forgotten: own.filter(({ to }) => to === null).map(({ index }) => index),
      offsets: new Map(own.flatMap(({ index, to }) => (to === null ? [] : [[index, to] as const]))),
    }
  })
  const committer = { memberId: '', instanceId: null, generationOrEpoch: -1 }
  const commits = byTopic.map(({ topic, offsets }) => ({
    topicId: topic.id,
    commits: [...offsets].map(([index, offset]) => ({ index, offset, leaderEpoch: -1, metadata: '' })),
  }))
  const answers = await groups.commit(groupId, committer, commits)
  for (const error of [...answers.values()].flatMap((one) => [...one.values()])) {
    if (error !== 'NONE') throw groupProblem(error)
  }
  for (const { topic, forgotten, offsets } of byTopic) {
    // What comes again anyway is not handed out twice.
    await groups.leases.forgetFrom(groupId, topic.id, offsets)
    if (forgotten.length === 0) continue
    const told = await groups.deleteOffsets(groupId, [{ topicId: topic.id, name: topic.name, indexes: forgotten }])
    const error = told.error === 'NONE' ? (told.topics.get(topic.id) ?? 'NONE') : told.error
    if (error !== 'NONE') throw groupProblem(error)
  }
}
