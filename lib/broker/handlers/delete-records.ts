import type { Lane } from '../../journal/lane.ts'
import { partitionOf, type State } from '../../log/state.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { DeleteRecords } from '../../protocol/messages/delete-records.ts'
import type { Handler } from '../context.ts'
import type { ErrorName } from '../failures.ts'
import { findTopic, inPartition } from '../lookup.ts'

type Asked = RequestOf<typeof DeleteRecords>['topics'][number]['partitions'][number]
type Answer = ResponseInput<typeof DeleteRecords>['topics'][number]['partitions'][number]

/** Stands for the high watermark. */
const everything = -1n

/** Moves the start of a partition's log forward; where it is further already, that start is the answer. */
export const deleteRecords: Handler<typeof DeleteRecords> = async ({ topics, timeoutMs }, call) => {
  const untilMs = call.clock.now() + Math.min(Math.max(timeoutMs, 0), call.limits.maxChangeMs)
  const answerTopic = async ({ name, partitions }: (typeof topics)[number]) => {
    const found = await findTopic(call, { name })
    const answers = partitions.map((asked) =>
      inPartition(
        call,
        found,
        asked.partitionIndex,
        (lane) => trim(asked, lane, untilMs),
        (error) => failed(asked, error),
      ),
    )
    return { name, partitions: await Promise.all(answers) }
  }
  return { topics: await Promise.all(topics.map(answerTopic)) }
}

const trim = async (asked: Asked, lane: Lane, untilMs: number): Promise<Answer> => {
  const { partitionIndex: partition, offset } = asked
  const startIn = (state: State): bigint => (offset === everything ? partitionOf(state, partition).endOffset : offset)
  const answer = await lane.change((state) => ({ kind: 'trim', partition, logStartOffset: startIn(state) }), untilMs)
  switch (answer.outcome) {
    case 'changed':
      return done(asked, answer.state)
    case 'unknown':
      return failed(asked, 'REQUEST_TIMED_OUT')
    case 'refused': {
      // Refused from a confirmed state, which the lane still knows.
      const state = await lane.state('known')
      if (state.ended) return failed(asked, 'UNKNOWN_TOPIC_OR_PARTITION')
      const { endOffset } = partitionOf(state, partition)
      return offset < everything || offset > endOffset ? failed(asked, 'OFFSET_OUT_OF_RANGE') : done(asked, state)
    }
  }
}

const done = ({ partitionIndex }: Asked, state: State): Answer => ({
  partitionIndex,
  errorCode: errors.NONE,
  lowWatermark: partitionOf(state, partitionIndex).logStartOffset,
})

const failed = ({ partitionIndex }: Asked, error: ErrorName): Answer => ({
  partitionIndex,
  errorCode: errors[error],
  lowWatermark: -1n,
})
