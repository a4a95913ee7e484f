import type { Lane } from '../../journal/lane.ts'
import { endOfEpoch } from '../../log/list-offsets.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { OffsetForLeaderEpoch } from '../../protocol/messages/offset-for-leader-epoch.ts'
import type { Handler } from '../context.ts'
import type { ErrorName } from '../failures.ts'
import { leaderEpochProblem } from '../leader-epoch.ts'
import { confirmedStates, findTopic, inPartition } from '../lookup.ts'

type Asked = RequestOf<typeof OffsetForLeaderEpoch>['topics'][number]['partitions'][number]
type Answer = ResponseInput<typeof OffsetForLeaderEpoch>['topics'][number]['partitions'][number]

/** Where an epoch ended. An epoch that has not been yet has no end, which is no error (KIP-320). */
export const offsetForLeaderEpoch: Handler<typeof OffsetForLeaderEpoch> = async ({ topics }, call) => {
  const confirmed = confirmedStates()
  const answerPartition = async (asked: Asked, lane: Lane): Promise<Answer> => {
    const state = await confirmed(lane)
    if (state.ended) return failed(asked, 'UNKNOWN_TOPIC_OR_PARTITION')
    const problem = leaderEpochProblem(state, asked.currentLeaderEpoch)
    if (problem) return failed(asked, problem)
    const { partition, leaderEpoch } = asked
    const end = leaderEpoch < 0 ? undefined : endOfEpoch(state, partition, leaderEpoch)
    return { partition, errorCode: errors.NONE, ...end }
  }
  const answerTopic = async ({ topic, partitions }: (typeof topics)[number]) => {
    const found = await findTopic(call, { name: topic })
    const answers = partitions.map((asked) =>
      inPartition(
        call,
        found,
        asked.partition,
        (lane) => answerPartition(asked, lane),
        (error) => failed(asked, error),
      ),
    )
    return { topic, partitions: await Promise.all(answers) }
  }
  return { topics: await Promise.all(topics.map(answerTopic)) }
}

const failed = ({ partition }: Asked, error: ErrorName): Answer => ({ partition, errorCode: errors[error] })
