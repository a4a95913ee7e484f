import type { Lane } from '../../journal/lane.ts'
import { offsetAtTimestamp, offsetOfMaxTimestamp } from '../../journal/read.ts'
import { leaderEpochOf, partitionOf, type State } from '../../log/state.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { ListOffsets } from '../../protocol/messages/list-offsets.ts'
import type { Call, Handler } from '../context.ts'
import type { ErrorName } from '../failures.ts'
import { leaderEpochAt, leaderEpochProblem } from '../leader-epoch.ts'
import { confirmedStates, findTopic, inPartition } from '../lookup.ts'

type Asked = RequestOf<typeof ListOffsets>['topics'][number]['partitions'][number]
type Answer = ResponseInput<typeof ListOffsets>['topics'][number]['partitions'][number]

/** Questions that are no timestamps, and the version from which on they may be asked. */
const question = {
  latest: { timestamp: -1n, since: 1 },
  earliest: { timestamp: -2n, since: 1 },
  ofMaxTimestamp: { timestamp: -3n, since: 7 },
  earliestLocal: { timestamp: -4n, since: 8 },
  latestTiered: { timestamp: -5n, since: 9 },
  earliestPendingUpload: { timestamp: -6n, since: 11 },
} as const

/** Every answer comes from a confirmed state: consumers and tools start and end by it. */
export const listOffsets: Handler<typeof ListOffsets> = async ({ topics }, call) => {
  const confirmed = confirmedStates()
  const answerPartition = async (asked: Asked, lane: Lane): Promise<Answer> => {
    const state = await confirmed(lane)
    if (state.ended) return failed(asked, 'UNKNOWN_TOPIC_OR_PARTITION')
    const problem = leaderEpochProblem(state, asked.currentLeaderEpoch)
    if (problem) return failed(asked, problem)
    return { ...nothing(asked), ...(await find(asked, lane, state, call)) }
  }
  const answerTopic = async ({ name, partitions }: (typeof topics)[number]) => {
    const found = await findTopic(call, { name })
    const answers = partitions.map((asked) =>
      inPartition(
        call,
        found,
        asked.partitionIndex,
        (lane) => answerPartition(asked, lane),
        (error) => failed(asked, error),
      ),
    )
    return { name, partitions: await Promise.all(answers) }
  }
  return { topics: await Promise.all(topics.map(answerTopic)) }
}

const nothing = ({ partitionIndex }: Asked): Answer => ({ partitionIndex, errorCode: errors.NONE })

const failed = (asked: Asked, error: ErrorName): Answer => ({ ...nothing(asked), errorCode: errors[error] })

const find = async (asked: Asked, lane: Lane, state: State, call: Call): Promise<Partial<Answer>> => {
  const { partitionIndex: index, timestamp } = asked
  const { logStartOffset, endOffset } = partitionOf(state, index)
  const asks = Object.values(question).find((one) => one.timestamp === timestamp)
  if (timestamp < 0n && (asks === undefined || call.version < asks.since)) {
    return { errorCode: errors.UNSUPPORTED_VERSION }
  }
  switch (asks) {
    case question.latest:
      // Also the last stable offset, as long as there are no transactions.
      return { offset: endOffset, leaderEpoch: leaderEpochOf(state) }
    case question.earliest:
    case question.earliestLocal:
      return { offset: logStartOffset, leaderEpoch: leaderEpochAt(state, index, logStartOffset) }
    case question.latestTiered:
    case question.earliestPendingUpload:
      // There are no tiers.
      return {}
    default: {
      const record =
        asks === question.ofMaxTimestamp
          ? await offsetOfMaxTimestamp(lane, call.bytes, index)
          : await offsetAtTimestamp(lane, call.bytes, index, timestamp)
      if (record === undefined) return {}
      return { ...record, leaderEpoch: leaderEpochAt(lane.known ?? state, index, record.offset) }
    }
  }
}
