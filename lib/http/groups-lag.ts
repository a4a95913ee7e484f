import * as z from 'zod/mini'
import type { LeaseGroup } from '../group/group.ts'
import type { Topic } from '../log/topic.ts'
import type { HttpApi } from './api.ts'
import { committedOf, membersOf, missing, notFound, partitionSchema, placeOf } from './groups-describe.ts'
import { groupParams, requireGroupId } from './groups-parameters.ts'
import { noQuery } from './parameters.ts'
import { type Route, route } from './route.ts'
import { measurePartitions } from './topic-answers.ts'

const lagSchema = z.object({
  ...partitionSchema.shape,
  committed: z.nullable(z.int()),
  latest: z.int(),
  lag: z.nullable(z.int()),
})

export const lagRoute = ({ call }: HttpApi): Route =>
  route({
    method: 'get',
    path: '/v1/groups/{group}/lag',
    operationId: 'getLag',
    summary: 'Tells how many records are behind what a group has committed.',
    description:
      'Where nothing is committed yet "committed" is null. Workers with leases begin there at the earliest record; where ' +
      'members of Kafka’s protocols begin is known to them alone, and their "lag" is null and not in the sum.',
    tag: 'groups',
    params: groupParams(),
    query: noQuery,
    answers: {
      200: {
        description: 'Of every partition that the group has committed something of, or is to read; and all together.',
        content: {
          'application/json': z.object({ group: z.string(), lag: z.int(), partitions: z.array(lagSchema) }),
        },
      },
      404: notFound,
    },
    examples: [{ path: '/v1/groups/reports/lag', status: 200 }],
    handle: async ({ c, params }) => {
      const groupId = requireGroupId(params.group)
      const read = await readBy(call, groupId)
      const measured = await Promise.all(
        read.map(async (one) => ({ ...one, places: await measurePartitions(call, one.topic) })),
      )
      const partitions = measured.flatMap(({ topic, committed, beginsAnywhere, indexes, places }) =>
        places
          .filter(({ partition }) => indexes.has(partition))
          .map(({ partition, earliest, latest }) => {
            const own = committed.get(partition)
            const from = own ?? (beginsAnywhere ? undefined : earliest)
            const lag = from === undefined ? null : Math.max(0, latest - Math.max(earliest, from))
            return { ...placeOf(topic.name, partition), committed: own ?? null, latest, lag }
          }),
      )
      return c.json({ group: groupId, lag: partitions.reduce((sum, { lag }) => sum + (lag ?? 0), 0), partitions })
    },
  })

/** A topic that a group reads: the partitions that count, and what it has committed of them. */
type Reading = {
  readonly topic: Topic
  readonly indexes: ReadonlySet<number>
  readonly committed: ReadonlyMap<number, number>
  /** Where nothing is committed, only its members know where they begin. */
  readonly beginsAnywhere: boolean
}

const readBy = async (call: HttpApi['call'], groupId: string): Promise<readonly Reading[]> => {
  const [group, leased] = await Promise.all([call.groups.describe(groupId), call.groups.leases.describe(groupId)])
  if (group === undefined) throw missing(groupId)
  const committed = await committedOf({ call }, groupId)
  const assigned = leased === undefined ? membersOf(group).flatMap(({ partitions }) => partitions) : []
  const lent = await Promise.all(idsIn(leased).map((id) => call.topics.findById(id)))
  const named = await Promise.all(
    [...new Set(assigned.map(({ topic }) => topic))].map((name) => call.topics.find(name)),
  )
  const topics = new Map(
    [...committed.map(({ topic }) => topic), ...lent, ...named].flatMap((topic) => (topic ? [[topic.id, topic]] : [])),
  )
  return [...topics.values()]
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((topic) => {
      const own = committed.find((one) => one.topic.id === topic.id)?.partitions ?? []
      // Workers are lent whatever partition is free, so a group of leases reads all of them.
      const indexes =
        leased !== undefined
          ? Array.from({ length: topic.partitions }, (_, index) => index)
          : assigned.filter((one) => one.topic === topic.name).map(({ partition }) => partition)
      return {
        topic,
        indexes: new Set([...own.map(({ index }) => index), ...indexes]),
        committed: new Map(own.map(({ index, offset }) => [index, Number(offset)])),
        beginsAnywhere: leased === undefined,
      }
    })
}

/** Topics of which something is lent, or has failed. Leases that have ended count: the records wait for the next. */
const idsIn = (group: LeaseGroup | undefined): readonly string[] => [
  ...new Set(
    [...(group?.members ?? []).flatMap(({ ranges }) => ranges), ...(group?.failed ?? [])].map(({ topicId }) => topicId),
  ),
]
