import * as z from 'zod/mini'
import { shardOfPartition } from '../journal/topics.ts'
import { configOf, valueFormats } from '../log/config.ts'
import { partitionOf } from '../log/state.ts'
import type { HttpApi } from './api.ts'
import { findTopic, requirePartition } from './find-topic.ts'
import { HttpProblem } from './http-problem.ts'
import { outgoingFrom, outgoingSchema } from './outgoing.ts'
import { described, partitionIndex, topicParams } from './parameters.ts'
import { recordAt, UnreadableBatch } from './partition-reader.ts'
import { outOfRange } from './read-from.ts'
import { recordJson } from './record-json.ts'
import { type Route, route } from './route.ts'

/** One record by its offset. */
export const recordRoute = ({ call, maxAnswerBytes }: HttpApi): Route =>
  route({
    method: 'get',
    path: '/v1/topics/{topic}/partitions/{partition}/records/{offset}',
    operationId: 'getRecord',
    summary: 'Reads one record.',
    tag: 'read',
    params: z.strictObject({
      ...topicParams().shape,
      partition: partitionIndex(),
      offset: described(z.int().check(z.minimum(0)), 'The offset of the record.', 0),
    }),
    query: z.strictObject({
      format: described(z.optional(z.enum(valueFormats)), 'How the value is read.', 'auto'),
    }),
    answers: {
      200: { description: 'The record.', content: { 'application/json': outgoingSchema } },
      404: { description: 'TOPIC_NOT_FOUND, OFFSET_OUT_OF_RANGE' },
      422: { description: 'UNREADABLE' },
    },
    examples: [{ path: '/v1/topics/orders/partitions/0/records/1000000', status: 404 }],
    handle: async ({ c, params, query }) => {
      const topic = await findTopic(call, params.topic)
      const index = requirePartition(topic, params.partition)
      const lane = call.logs.lane(shardOfPartition(topic, index))
      const offset = BigInt(params.offset)
      const record = await recordAt(lane, call.bytes, index, offset).catch((error) => {
        if (!(error instanceof UnreadableBatch)) throw error
        throw new HttpProblem('UNREADABLE', `The record cannot be read: ${error.message}.`, {
          kafka: 'CORRUPT_MESSAGE',
        })
      })
      if (record === undefined) {
        const { logStartOffset: start, endOffset: end } = partitionOf(await lane.state('confirmed'), index)
        throw outOfRange(index, offset, { start, end })
      }
      const own = configOf(topic).valueFormat
      const format = query.format === undefined || query.format === 'auto' ? own : query.format
      const json = recordJson(outgoingFrom(index, record, format), record, maxAnswerBytes)
      return c.body(json, 200, { 'content-type': 'application/json', 'cache-control': 'private, no-cache' })
    },
  })
