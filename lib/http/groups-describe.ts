import * as z from 'zod/mini'
import { assignmentOf } from '../group/consumer-protocol.ts'
import type { LeaseGroup } from '../group/group.ts'
import { hasEnded } from '../group/lease-group.ts'
import type { HttpApi } from './api.ts'
import { groupParams, groupProblem, requireGroupId } from './groups-parameters.ts'
import { HttpProblem } from './http-problem.ts'
import { dryRun, integerIn, noQuery, textUpTo } from './parameters.ts'
import { type Route, route } from './route.ts'

const defaultLimit = 100
const maxLimit = 1000
const maxIdCharacters = 1024

/** Groups of any kind: listed, described, deleted. */
export const describeRoutes = (api: HttpApi): readonly Route[] => [listGroups(api), getGroup(api), deleteGroup(api)]

const listed = z.object({ group: z.string(), kind: z.enum(['classic', 'consumer', 'lease']), state: z.string() })

const listGroups = ({ call }: HttpApi): Route =>
  route({
    method: 'get',
    path: '/v1/groups',
    operationId: 'listGroups',
    summary: 'Lists groups in the order of their ids.',
    tag: 'groups',
    params: z.strictObject({}),
    query: z.strictObject({
      prefix: textUpTo(maxIdCharacters, 'Only groups whose ids begin with this.', 'bil'),
      limit: integerIn(1, maxLimit, `Groups on a page, ${defaultLimit} by default.`, 10),
      cursor: textUpTo(6000, 'The "next" of the page before.'),
    }),
    answers: {
      200: {
        description: 'A page of groups.',
        content: { 'application/json': z.object({ groups: z.array(listed), next: z.nullable(z.string()) }) },
        headers: { Link: 'rel="next": the next page, where there is one.' },
      },
    },
    examples: [{ path: '/v1/groups?prefix=bil&limit=10', status: 200 }],
    handle: async ({ c, query: { prefix = '', limit = defaultLimit, cursor } }) => {
      const after = cursor === undefined ? '' : Buffer.from(cursor, 'base64url').toString()
      const all = (await call.groups.list())
        .filter(({ groupId }) => groupId.startsWith(prefix) && groupId > after)
        .toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1))
      const page = all.slice(0, limit)
      const last = page.at(-1)
      const next = last && all.length > limit ? Buffer.from(last.groupId).toString('base64url') : null
      if (next !== null) {
        const found = new URLSearchParams({ ...(prefix !== '' && { prefix }), limit: String(limit), cursor: next })
        c.header('link', `</v1/groups?${found}>; rel="next"`)
      }
      return c.json({ groups: page.map(({ groupId, kind, state }) => ({ group: groupId, kind, state })), next })
    },
  })

export const partitionSchema = z.object({ topic: z.string(), partition: z.int() })

const described = z.object({
  ...listed.shape,
  members: z.array(
    z.object({
      id: z.string(),
      client: z.string(),
      host: z.string(),
      leaseExpiresAt: z.optional(z.int()),
      partitions: z.array(partitionSchema),
    }),
  ),
  offsets: z.array(
    z.object({ ...partitionSchema.shape, committed: z.int(), committedAt: z.int(), metadata: z.string() }),
  ),
  failed: z.optional(
    z.array(
      z.object({
        ...partitionSchema.shape,
        offset: z.int(),
        attempts: z.int(),
        error: z.string(),
        isDead: z.boolean(),
        dueAt: z.int(),
      }),
    ),
  ),
  snapshots: z.array(z.object({ snapshot: z.string(), takenAt: z.int() })),
})

export const notFound = { description: 'GROUP_NOT_FOUND' }

const getGroup = ({ call }: HttpApi): Route =>
  route({
    method: 'get',
    path: '/v1/groups/{group}',
    operationId: 'getGroup',
    summary: 'Tells who is in a group, what it has committed, what has failed, and to what its offsets can go back.',
    tag: 'groups',
    params: groupParams(),
    query: noQuery,
    answers: { 200: { description: 'The group.', content: { 'application/json': described } }, 404: notFound },
    examples: [
      { path: '/v1/groups/reports', status: 200 },
      { path: '/v1/groups/absent', status: 404 },
    ],
    handle: async ({ c, params }) => {
      const groupId = requireGroupId(params.group)
      const [group, leased] = await Promise.all([call.groups.describe(groupId), call.groups.leases.describe(groupId)])
      if (group === undefined) throw missing(groupId)
      const committed = await committedOf({ call }, groupId)
      const snapshots = await call.groups.snapshots(groupId)
      return c.json({
        group: groupId,
        kind: leased === undefined ? group.type : 'lease',
        state: group.state,
        members: leased === undefined ? membersOf(group) : holdersOf(leased, call.clock.now()),
        offsets: committed.flatMap(({ topic, partitions }) =>
          partitions.map(({ index, offset, committedMs, metadata }) => ({
            topic: topic.name,
            partition: index,
            committed: Number(offset),
            committedAt: committedMs,
            metadata,
          })),
        ),
        ...(leased && { failed: failedOf(leased) }),
        snapshots: snapshots.map(({ name, atMs }) => ({ snapshot: name, takenAt: atMs })),
      })
    },
  })

export const missing = (groupId: string): HttpProblem =>
  new HttpProblem('GROUP_NOT_FOUND', `There is no group "${groupId.slice(0, 200)}".`, {
    kafka: 'GROUP_ID_NOT_FOUND',
    hint: 'A group is made by its first poll, member or committed offset.',
  })

type Described = NonNullable<Awaited<ReturnType<HttpApi['call']['groups']['describe']>>>

export const membersOf = (group: Described) =>
  group.type === 'consumer'
    ? group.members.map(({ memberId, clientId, clientHost, assigned }) => ({
        id: memberId,
        client: clientId,
        host: clientHost,
        partitions: assigned.flatMap(({ name, partitions }) => partitions.map((index) => placeOf(name, index))),
      }))
    : group.members.map(({ memberId, clientId, clientHost, assignment }) => {
        const topics = group.protocolType === 'consumer' ? assignmentOf(assignment) : undefined
        const partitions = [...(topics ?? [])].flatMap(([name, all]) => all.map((index) => placeOf(name, index)))
        return { id: memberId, client: clientId, host: clientHost, partitions }
      })

export const placeOf = (topic: string, partition: number) => ({ topic, partition })

const holdersOf = ({ members, failed }: LeaseGroup, nowMs: number) =>
  members
    .filter((lease) => !hasEnded(lease, nowMs))
    .map(({ memberId, number, clientId, clientHost, untilMs, ranges }) => {
      const held = [...ranges, ...failed.filter(({ lease }) => lease === number)]
      const places = new Map(held.map(({ name, index }) => [`${name}/${index}`, placeOf(name, index)]))
      return {
        id: memberId,
        client: clientId,
        host: clientHost,
        leaseExpiresAt: untilMs,
        partitions: [...places.values()],
      }
    })

const failedOf = ({ failed }: LeaseGroup) =>
  failed.map(({ name, index, offset, attempts, error, isDead, dueMs }) => ({
    ...placeOf(name, index),
    offset,
    attempts,
    error,
    isDead,
    dueAt: dueMs,
  }))

/** What a group has committed in topics that exist, by their names. */
export const committedOf = async ({ call }: Pick<HttpApi, 'call'>, groupId: string) => {
  const { offsets } = await call.groups.fetchOffsets(groupId, { memberId: null, memberEpoch: -1 }, undefined)
  const found = [...offsets].map(async ([topicId, partitions]) => {
    const topic = await call.topics.findById(topicId)
    const all = Object.entries(partitions).map(([index, one]) => ({ index: Number(index), ...one }))
    return topic && all.length > 0 ? [{ topic, partitions: all.filter(({ index }) => index < topic.partitions) }] : []
  })
  return (await Promise.all(found)).flat().toSorted((a, b) => (a.topic.name < b.topic.name ? -1 : 1))
}

const deleteGroup = ({ call }: HttpApi): Route =>
  route({
    method: 'delete',
    path: '/v1/groups/{group}',
    operationId: 'deleteGroup',
    summary: 'Deletes a group that nobody uses, with all it has committed and all that waits for another try.',
    tag: 'groups',
    params: groupParams(),
    query: z.strictObject({ dryRun: dryRun() }),
    answers: {
      200: {
        description: 'What would be deleted.',
        content: {
          'application/json': z.object({
            group: z.string(),
            offsets: z.int(),
            failed: z.int(),
            dryRun: z.literal(true),
          }),
        },
      },
      204: { description: 'It is deleted.' },
      404: notFound,
      409: { description: 'NOT_EMPTY: it has members or leases.' },
    },
    examples: [
      { path: '/v1/groups/reports?dryRun=true', status: 200 },
      { path: '/v1/groups/reports', status: 204 },
      { path: '/v1/groups/reports', status: 404 },
    ],
    handle: async ({ c, params, query }) => {
      const groupId = requireGroupId(params.group)
      if (query.dryRun) {
        const group = await call.groups.describe(groupId)
        if (group === undefined) throw missing(groupId)
        if (group.members.length > 0) throw groupProblem('NON_EMPTY_GROUP')
        const offsets = (await committedOf({ call }, groupId)).flatMap(({ partitions }) => partitions).length
        const failed = (await call.groups.leases.describe(groupId))?.failed.length ?? 0
        return c.json({ group: groupId, offsets, failed, dryRun: true })
      }
      const error = await call.groups.delete(groupId)
      if (error === 'GROUP_ID_NOT_FOUND') throw missing(groupId)
      if (error !== 'NONE') throw groupProblem(error)
      return c.body(null, 204)
    },
  })
