import type { Lane } from '../../journal/lane.ts'
import type { LedElsewhere } from '../../journal/leadership.ts'
import type { Node } from '../../journal/nodes.ts'
import { fetchRecords } from '../../journal/read.ts'
import { shardOfPartition } from '../../journal/topics.ts'
import { type FetchRange, type Piece, planFetch } from '../../log/fetch.ts'
import { type EpochEnd, endOfEpoch } from '../../log/list-offsets.ts'
import { leaderEpochOf, partitionOf, type State } from '../../log/state.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { Fetch } from '../../protocol/messages/fetch.ts'
import { addressOf } from '../cluster.ts'
import { type Call, type Handler, roomFor } from '../context.ts'
import { attempt, type ErrorName } from '../failures.ts'
import { leaderEpochProblem } from '../leader-epoch.ts'
import { asAsked, findTopic, hasPartition, type TopicReference } from '../lookup.ts'

type FetchRequest = RequestOf<typeof Fetch>
type AskedTopic = FetchRequest['topics'][number]
type Asked = AskedTopic['partitions'][number]
type PartitionResponse = ResponseInput<typeof Fetch>['responses'][number]['partitions'][number]

/** A partition that is asked for, with the lane that knows it. */
type Wanted = { readonly asked: Asked; readonly reference: TopicReference; readonly lane: Lane | { error: ErrorName } }

const firstVersionWithIds = 13
const readCommitted = 1

/**
 * Answers with what is there. Sessions (KIP-227) are declined by the id 0: clients then name all partitions each time.
 * Any node gives records, so that reading never depends on who leads. Whoever has read them all waits at the leader,
 * where new ones are seen first, and is sent there.
 */
export const fetch: Handler<typeof Fetch> = async (request, call) => {
  if (request.sessionId !== 0) return { errorCode: errors.FETCH_SESSION_ID_NOT_FOUND, responses: [] }
  const topics = await Promise.all(request.topics.map((topic) => findLanes(topic, call)))
  const states = await lookAt(topics.flat(), call)
  const live = (await call.leadership?.nodes.live()) ?? []
  const leaders = new Map<number, Node>()
  const reads = planReads(request, topics, states, { ...call, live, leaders })
  const responses = await Promise.all(
    reads.map(async (partitions, i) => ({
      topic: request.topics[i]?.topic ?? '',
      topicId: request.topics[i]?.topicId ?? '',
      partitions: await Promise.all(partitions.map((read) => read())),
    })),
  )
  const nodeEndpoints = [...leaders.values()].map((node) => ({ nodeId: node.id, ...addressOf(node) }))
  return { nodeEndpoints, responses }
}

const findLanes = async ({ topic: name, topicId, partitions }: AskedTopic, call: Call): Promise<readonly Wanted[]> => {
  const reference = call.version >= firstVersionWithIds ? { topicId } : { name }
  const found = await findTopic(call, reference)
  return partitions.map((asked) => {
    if ('error' in found) return { asked, reference, lane: { error: inFetch(found.error) } }
    const isThere = hasPartition(found.topic, asked.partition)
    const lane = isThere
      ? call.logs.lane(shardOfPartition(found.topic, asked.partition))
      : { error: 'UNKNOWN_TOPIC_OR_PARTITION' as const }
    return { asked, reference, lane }
  })
}

type Seen = { readonly state: State } | { readonly error: ErrorName }

/** One look at each lane, however many of its partitions are asked for. */
const lookAt = async (all: readonly Wanted[], call: Call): Promise<ReadonlyMap<Lane, Seen>> => {
  const lanes = new Map<Lane, Asked[]>()
  for (const { lane, asked } of all) {
    if ('error' in lane) continue
    const those = lanes.get(lane)
    if (those) those.push(asked)
    else lanes.set(lane, [asked])
  }
  const seen = [...lanes].map(async ([lane, asked]): Promise<readonly [Lane, Seen]> => {
    const one = await attempt<Seen>(
      call,
      async () => ({ state: await stateFor(lane, asked) }),
      (error) => ({ error: inFetch(error) }),
    )
    return [lane, one]
  })
  return new Map(await Promise.all(seen))
}

/** Consumers give up on errors that they do not expect from Fetch; this one they repeat. */
const inFetch = (error: ErrorName): ErrorName =>
  error === 'REQUEST_TIMED_OUT' || error === 'CORRUPT_MESSAGE' ? 'KAFKA_STORAGE_ERROR' : error

/** Whoever is at the end gets what others have appended; whoever is told of an error, from a state without doubt. */
const stateFor = async (lane: Lane, asked: readonly Asked[]): Promise<State> => {
  const state = await lane.state('known')
  if (asked.some((one) => refusalOf(state, one) !== undefined)) return lane.state('confirmed')
  const isAtEnd = asked.some((one) => one.fetchOffset === partitionOf(state, one.partition).endOffset)
  return isAtEnd ? lane.state('extended') : state
}

type Refusal = { readonly error: ErrorName } | { readonly diverging: EpochEnd }

const refusalOf = (state: State, asked: Asked): Refusal | undefined => {
  const { partition, currentLeaderEpoch, fetchOffset, lastFetchedEpoch } = asked
  if (state.ended) return { error: 'UNKNOWN_TOPIC_OR_PARTITION' }
  const problem = leaderEpochProblem(state, currentLeaderEpoch)
  if (problem) return { error: problem }
  const { logStartOffset, endOffset } = partitionOf(state, partition)
  if (lastFetchedEpoch >= 0) {
    const end = endOfEpoch(state, partition, lastFetchedEpoch)
    if (end === undefined) return { error: 'OFFSET_OUT_OF_RANGE' }
    if (end.leaderEpoch < lastFetchedEpoch || end.endOffset < fetchOffset) return { diverging: end }
  }
  return fetchOffset < logStartOffset || fetchOffset > endOffset ? { error: 'OFFSET_OUT_OF_RANGE' } : undefined
}

/** `leaders` collects the nodes that an answer refers to (KIP-951). */
type Among = Call & { readonly live: readonly Node[]; readonly leaders: Map<number, Node> }

type Read = () => Promise<PartitionResponse>

/**
 * Shares the bytes that may be answered out among the partitions, in the order they were asked for: which is the
 * client's order of urgency. The first that has records gets at least one batch (KIP-74).
 */
const planReads = (
  request: FetchRequest,
  topics: readonly (readonly Wanted[])[],
  states: ReadonlyMap<Lane, Seen>,
  call: Among,
): readonly (readonly Read[])[] => {
  const answer = answers(request, call)
  let leftBytes = Math.max(1, Math.min(request.maxBytes, call.limits.maxFetchBytes))
  let isFirst = true
  const plan = ({ asked, reference, lane }: Wanted): Read => {
    if ('error' in lane) return async () => answer.failed(asked, lane.error)
    const seen = states.get(lane) ?? { error: 'UNKNOWN_SERVER_ERROR' }
    if ('error' in seen) return async () => answer.failed(asked, asAsked(seen.error, reference))
    const refusal = refusalOf(seen.state, asked)
    if (refusal) return async () => answer.refused(asked, refusal, seen.state, reference)
    const range: FetchRange = {
      offset: asked.fetchOffset,
      maxBytes: Math.min(Math.max(1, asked.partitionMaxBytes), leftBytes),
      atLeastOne: isFirst,
    }
    const planned = planFetch(seen.state, asked.partition, range)
    if (planned.outcome === 'out of range') return async () => answer.failed(asked, 'OFFSET_OUT_OF_RANGE')
    if (planned.pieces.length === 0) {
      const isAtEnd = asked.fetchOffset === planned.highWatermark
      const leader = isAtEnd ? call.leadership?.elsewhere(call.live, lane.journal.shard) : undefined
      return async () => (leader ? answer.movedTo(asked, leader) : answer.records(asked, { ...planned, records: [] }))
    }
    leftBytes = Math.max(0, leftBytes - planned.pieces.reduce((sum, piece) => sum + bytesOf(piece), 0))
    isFirst = false
    return () =>
      attempt(
        call,
        async () => {
          const fetched = await fetchRecords(lane, call.bytes, asked.partition, range)
          if (fetched.outcome !== 'fetched') return answer.failed(asked, 'OFFSET_OUT_OF_RANGE')
          const sizeBytes = fetched.records.reduce((sum, { length }) => sum + length, 0)
          if (sizeBytes <= call.roomBytes) return answer.records(asked, fetched)
          // Beside other replies there is less room: then it is the next fetch that gets the batch.
          if (sizeBytes <= roomFor(call.connection)) return answer.records(asked, { ...fetched, records: [] })
          call.log(`a batch of ${sizeBytes} bytes is too large for its door, which has room for ${call.roomBytes}`)
          return answer.failed(asked, 'MESSAGE_TOO_LARGE')
        },
        (error) => answer.failed(asked, asAsked(inFetch(error), reference)),
      )
  }
  return topics.map((partitions) => partitions.map(plan))
}

const bytesOf = (piece: Piece): number =>
  piece.from === 'tail' ? piece.batch.sizeBytes : Math.min(piece.segment.sizeBytes, piece.limitBytes)

type Found = {
  readonly logStartOffset: bigint
  readonly highWatermark: bigint
  readonly records: readonly Buffer[]
}

/** The forms of an answer for one partition. */
const answers = ({ isolationLevel }: FetchRequest, { nodeId, leadership, live, leaders }: Among) => {
  // Nothing is aborted as long as there are no transactions; who reads uncommitted is told nothing.
  const abortedTransactions = isolationLevel === readCommitted ? [] : null

  const failed = ({ partition }: Asked, error: ErrorName): PartitionResponse => ({
    partitionIndex: partition,
    errorCode: errors[error],
    highWatermark: -1n,
    abortedTransactions,
    records: noRecords,
  })

  const movedTo = (asked: Asked, { node, leaderEpoch }: LedElsewhere): PartitionResponse => {
    const answer = failed(asked, 'NOT_LEADER_OR_FOLLOWER')
    if (node === undefined || leaderEpoch === undefined) return answer
    leaders.set(node.id, node)
    return { ...answer, currentLeader: { leaderId: node.id, leaderEpoch } }
  }

  const records = ({ partition }: Asked, { logStartOffset, highWatermark, records }: Found): PartitionResponse => ({
    partitionIndex: partition,
    errorCode: errors.NONE,
    highWatermark,
    lastStableOffset: highWatermark,
    logStartOffset,
    abortedTransactions,
    records,
  })

  /** Who leads, if a client can reach it: without leadership that is this node, whoever may have led before. */
  const leaderIn = (state: State): PartitionResponse['currentLeader'] => {
    if (leadership === undefined) return { leaderId: nodeId, leaderEpoch: leaderEpochOf(state) }
    const node = live.find(({ id }) => id === state.leader?.node)
    if (node === undefined) return undefined
    leaders.set(node.id, node)
    return { leaderId: node.id, leaderEpoch: leaderEpochOf(state) }
  }

  const refused = (asked: Asked, refusal: Refusal, state: State, reference: TopicReference): PartitionResponse => {
    if ('diverging' in refusal) {
      const { leaderEpoch: epoch, endOffset } = refusal.diverging
      const { logStartOffset, endOffset: highWatermark } = partitionOf(state, asked.partition)
      return { ...records(asked, { logStartOffset, highWatermark, records: [] }), divergingEpoch: { epoch, endOffset } }
    }
    const { error } = refusal
    const answer = failed(asked, asAsked(error, reference))
    const isEpoch = error === 'FENCED_LEADER_EPOCH' || error === 'UNKNOWN_LEADER_EPOCH'
    const currentLeader = isEpoch ? leaderIn(state) : undefined
    return currentLeader ? { ...answer, currentLeader } : answer
  }

  return { failed, movedTo, records, refused }
}

const noRecords = Buffer.alloc(0)
