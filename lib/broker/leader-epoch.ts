import { epochAt } from '../log/slice.ts'
import { leaderEpochOf, partitionOf, type State } from '../log/state.ts'

/** What is wrong with the leader epoch that a client believes in; −1 is none (KIP-320). */
export const leaderEpochProblem = (
  state: State,
  believed: number,
): 'FENCED_LEADER_EPOCH' | 'UNKNOWN_LEADER_EPOCH' | undefined => {
  const current = leaderEpochOf(state)
  if (believed < 0 || believed === current) return undefined
  return believed < current ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH'
}

/** The epoch under which an offset was appended, or would be. */
export const leaderEpochAt = (state: State, partitionIndex: number, offset: bigint): number =>
  epochAt(partitionOf(state, partitionIndex).epochs, offset)
