import * as z from 'zod/mini'
import { deleteRecords } from '../broker/handlers/delete-records.ts'
import { offsetAtTimestamp } from '../journal/read.ts'
import { shardOfPartition } from '../journal/topics.ts'
import type { Topic } from '../log/topic.ts'
import type { HttpApi } from './api.ts'
import { requireDone } from './failure.ts'
import { findTopic, requirePartition } from './find-topic.ts'
import { HttpProblem } from './http-problem.ts'
import { described, dryRun, topicParams } from './parameters.ts'
import { timeFrom } from './point-in-time.ts'
import { type Route, route } from './route.ts'
import { measurePartitions } from './topic-answers.ts'

const wanted = z.strictObject({
  before: described(
    z.optional(z.record(z.string(), z.int().check(z.minimum(0)))),
    'The first offset to keep, by partition.',
    { '0': 123 },
  ),
  beforeTime: described(
    z.optional(z.union([z.string().check(z.maxLength(100)), z.int()])),
    'Records from this time on are kept: a date and time, milliseconds since 1970, or -2h.',
    '-7d',
  ),
})

/** A partition that is trimmed, and where its log begins then. */
type Cut = { readonly partition: number; readonly earliest: number; readonly deleted: number }

/** Deletes the oldest records of a topic. */
export const trimRoute = ({ call }: HttpApi): Route =>
  route({
    method: 'post',
    path: '/v1/topics/{topic}:trim',
    operationId: 'trimTopic',
    summary: 'Deletes the oldest records, up to an offset of each partition or up to a time.',
    tag: 'topics',
    params: topicParams(),
    query: z.strictObject({ dryRun: dryRun() }),
    body: wanted,
    answers: {
      200: {
        description: 'Where the partitions begin now, or would.',
        content: {
          'application/json': z.object({
            partitions: z.array(z.object({ partition: z.int(), earliest: z.int(), deleted: z.int() })),
            dryRun: z.optional(z.boolean()),
          }),
        },
      },
      404: { description: 'TOPIC_NOT_FOUND, OFFSET_OUT_OF_RANGE' },
    },
    examples: [
      { path: '/v1/topics/orders:trim?dryRun=true', body: '{ "before": { "0": 0 } }', status: 200 },
      { path: '/v1/topics/orders:trim', body: '{ "beforeTime": "-7d" }', status: 200 },
    ],
    handle: async ({ c, params, query, body }) => {
      const topic = await findTopic(call, params.topic)
      const offsets = await measurePartitions(call, topic)
      const starts = await startsFor(call, topic, body)
      const cuts = [...starts].map(([partition, start]): Cut => {
        const { earliest = 0, latest = 0 } = offsets[partition] ?? {}
        if (start > latest) {
          const detail = `Partition ${partition} ends at ${latest}, before ${start}.`
          throw new HttpProblem('OFFSET_OUT_OF_RANGE', detail, { kafka: 'OFFSET_OUT_OF_RANGE' })
        }
        const kept = Math.max(start, earliest)
        return { partition, earliest: kept, deleted: kept - earliest }
      })
      if (query.dryRun) return c.json({ partitions: cuts, dryRun: true })
      const partitions = cuts.filter(({ deleted }) => deleted > 0)
      const asked = partitions.map(({ partition, earliest }) => ({
        partitionIndex: partition,
        offset: BigInt(earliest),
      }))
      const request = { topics: [{ name: topic.name, partitions: asked }], timeoutMs: call.limits.maxChangeMs }
      for (const answer of (await deleteRecords(request, call)).topics[0]?.partitions ?? []) requireDone(answer)
      return c.json({ partitions: cuts })
    },
  })

const startsFor = async (
  { logs, bytes, clock }: HttpApi['call'],
  topic: Topic,
  { before, beforeTime }: z.infer<typeof wanted>,
): Promise<ReadonlyMap<number, number>> => {
  if ((before === undefined) === (beforeTime === undefined)) {
    throw new HttpProblem('INVALID_REQUEST', 'The body has either "before" or "beforeTime".')
  }
  if (before !== undefined) {
    const entries = Object.entries(before).map(([text, offset]): readonly [number, number] => {
      if (!/^\d{1,10}$/.test(text)) throw new HttpProblem('INVALID_REQUEST', `"${text.slice(0, 100)}" is no partition.`)
      return [requirePartition(topic, Number(text)), offset]
    })
    return new Map(entries)
  }
  const time = typeof beforeTime === 'number' ? BigInt(beforeTime) : timeFrom(beforeTime ?? '', clock.now())
  if (time === undefined) throw new HttpProblem('INVALID_REQUEST', '"beforeTime" is no time.')
  const starts = Array.from({ length: topic.partitions }, async (_, index): Promise<readonly [number, number]> => {
    const lane = logs.lane(shardOfPartition(topic, index))
    const found = await offsetAtTimestamp(lane, bytes, index, time)
    const { endOffset = 0n } = (await lane.state('known')).partitions.get(index) ?? {}
    return [index, Number(found?.offset ?? endOffset)]
  })
  return new Map(await Promise.all(starts))
}
