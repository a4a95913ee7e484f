import type { AppendAnswer } from '../../journal/lane.ts'
import type { Led, LedElsewhere } from '../../journal/leadership.ts'
import type { Node } from '../../journal/nodes.ts'
import type { Batch, Verdict } from '../../log/append.ts'
import { configOf } from '../../log/config.ts'
import { partitionOf } from '../../log/state.ts'
import { shardOf, type Topic } from '../../log/topic.ts'
import type { RequestOf, ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { Produce } from '../../protocol/messages/produce.ts'
import { type AcceptedBatch, acceptBatch, type RefusedBatch } from '../accept-batch.ts'
import type { Turn } from '../admission.ts'
import { addressOf } from '../cluster.ts'
import type { Call } from '../context.ts'
import { attempt, type ErrorName } from '../failures.ts'
import { asAsked, type FoundTopic, findTopic, hasPartition, type TopicReference } from '../lookup.ts'

export type ProduceRequest = { readonly request: RequestOf<typeof Produce>; readonly call: Call }

/**
 * Appends what requests in a row carry, in their order, so that they share an upload and a row per shard: first all
 * topics are looked up and who leads them, then everything is handed to the lanes without waiting in between, then all answers are
 * awaited. No body where the client wants none (acks 0); it is awaited all the same, so that it cannot flood us.
 * Nothing is handed over before `earlier`, what the same connection sent before, is; then `admitted` is called.
 */
export const produceTogether = async (
  requests: readonly ProduceRequest[],
  { earlier, admitted }: Turn,
): Promise<readonly (ResponseInput<typeof Produce> | undefined)[]> => {
  const [found] = await Promise.all([Promise.all(requests.map(lookUp)), earlier])
  const started = requests.map((request, i) => start(request, found[i] ?? []))
  admitted()
  const bodies = await Promise.all(started)
  return bodies.map((body, i) => (requests[i]?.request.acks === 0 ? undefined : body))
}

const firstVersionWithIds = 13

const referenceTo = (topic: { readonly name: string; readonly topicId: string }, { version }: Call): TopicReference =>
  version >= firstVersionWithIds ? { topicId: topic.topicId } : { name: topic.name }

/** A topic, and who leads those of its shards that a request appends to; nothing of a shard that needs no leader. */
type LookedUp = { readonly found: FoundTopic; readonly leads: ReadonlyMap<number, Led | LaneFailure> }

const lookUp = ({ request, call }: ProduceRequest): Promise<readonly LookedUp[]> =>
  Promise.all(
    request.topicData.map(async (data) => {
      const found = await findTopic(call, referenceTo(data, call))
      // Who is told of no error would go on sending to the wrong node: that one appends then, as everybody may.
      const leads = 'error' in found || request.acks === 0 ? none : await findLeaders(found.topic, data, call)
      return { found, leads }
    }),
  )

const none: LookedUp['leads'] = new Map()

type TopicData = RequestOf<typeof Produce>['topicData'][number]

const findLeaders = async (topic: Topic, { partitionData }: TopicData, call: Call): Promise<LookedUp['leads']> => {
  const { leadership } = call
  if (leadership === undefined) return none
  const there = partitionData.filter(({ index }) => hasPartition(topic, index))
  const shards = [...new Set(there.map(({ index }) => shardOf(topic, index)))]
  const leads = shards.map(async (index): Promise<readonly [number, Led | LaneFailure]> => {
    const led = await attempt<Led | LaneFailure>(
      call,
      () => leadership.lead({ topicId: topic.id, index }),
      (error) => ({ outcome: 'failed', error }),
    )
    return [index, led]
  })
  return new Map(await Promise.all(leads))
}

/** What becomes of a partition's batch: it is refused, or with a lane, which decides. */
type Sent = RefusedBatch | { readonly accepted: AcceptedBatch; readonly decided: Promise<Decided> }

/** The log's start is told with a refusal too: by it a producer knows whether its sequences were deleted (KIP-360). */
type Decided = { readonly verdict: Verdict | LaneFailure; readonly logStartOffset: bigint }

type LaneFailure = {
  readonly outcome: 'failed'
  readonly error: ErrorName
  /** Who is to be asked instead. */
  readonly leader?: LedElsewhere
}

/** Must not wait before the batches are with the lanes: their order there is the order of the requests. */
const start = (
  { request, call }: ProduceRequest,
  lookedUp: readonly LookedUp[],
): Promise<ResponseInput<typeof Produce>> => {
  const sent = request.topicData.map(({ partitionData }, i): readonly Sent[] => {
    const { found = { error: 'UNKNOWN_SERVER_ERROR' }, leads = none } = lookedUp[i] ?? {}
    const refused = refusedRequest(request) ?? ('error' in found ? refuse(found.error) : undefined)
    if (refused || 'error' in found) return partitionData.map(() => refused ?? refuse('UNKNOWN_SERVER_ERROR'))
    return sendTopic(found.topic, partitionData, leads, { request, call })
  })
  return respond({ request, call }, sent)
}

const refuse = (error: ErrorName, message: string | null = null): RefusedBatch => ({
  refused: error,
  message,
  recordErrors: [],
})

const refusedRequest = ({ acks, transactionalId }: RequestOf<typeof Produce>): RefusedBatch | undefined => {
  if (acks < -1 || acks > 1) return refuse('INVALID_REQUIRED_ACKS')
  return transactionalId === null ? undefined : refuse('UNSUPPORTED_VERSION', 'transactions are not implemented yet')
}

/** A request without a usable timeout still gets this long: giving up at once would tell nothing. */
const minProduceMs = 1000
const firstVersionWithZstd = 7

const sendTopic = (
  topic: Topic,
  partitions: TopicData['partitionData'],
  leads: LookedUp['leads'],
  { request, call }: ProduceRequest,
): readonly Sent[] => {
  const terms = { config: configOf(topic), nowMs: call.clock.now(), zstdAllowed: call.version >= firstVersionWithZstd }
  const seen = new Set<number>()
  const checked = partitions.map(({ index, records }) => {
    if (!hasPartition(topic, index)) return refuse('UNKNOWN_TOPIC_OR_PARTITION')
    if (seen.has(index)) return refuse('INVALID_REQUEST', `partition ${index} is there more than once`)
    seen.add(index)
    return acceptBatch(index, records, terms)
  })
  const lanes = new Map<number, Batch[]>()
  for (const one of checked) {
    if ('refused' in one) continue
    const shard = shardOf(topic, one.batch.partition)
    const batches = lanes.get(shard)
    if (batches) batches.push(one.batch)
    else lanes.set(shard, [one.batch])
  }
  const untilMs = terms.nowMs + Math.min(Math.max(request.timeoutMs, minProduceMs), call.limits.maxProduceMs)
  const decided = new Map<Batch, Promise<Decided>>()
  for (const [index, batches] of lanes) {
    const lane = call.logs.lane({ topicId: topic.id, index })
    const led = leads.get(index) ?? unled
    const answer = attempt<AppendAnswer | LaneFailure>(
      call,
      async () => {
        if (led.outcome === 'failed') return led
        if (led.outcome === 'elsewhere') return { outcome: 'failed', error: 'NOT_LEADER_OR_FOLLOWER', leader: led }
        return lane.append({ batches, leaderEpoch: led.leaderEpoch }, untilMs)
      },
      (error) => ({ outcome: 'failed', error }),
    )
    for (const [place, batch] of batches.entries()) {
      decided.set(
        batch,
        answer.then((settled) => ({
          verdict: verdictAt(settled, place),
          logStartOffset: lane.known ? partitionOf(lane.known, batch.partition).logStartOffset : -1n,
        })),
      )
    }
  }
  return checked.map((one) => {
    if ('refused' in one) return one
    const answer = decided.get(one.batch)
    return answer ? { accepted: one, decided: answer } : refuse('UNKNOWN_SERVER_ERROR')
  })
}

/** An append that carries no leader epoch is always right. */
const unled: Led = { outcome: 'here', leaderEpoch: undefined }

const verdictAt = (answer: AppendAnswer | LaneFailure, place: number): Verdict | LaneFailure => {
  // Whether the row is in the journal is not known: the client sends the batch again.
  const timedOut = { outcome: 'failed', error: 'REQUEST_TIMED_OUT' } as const
  switch (answer.outcome) {
    case 'decided':
      return answer.verdicts[place] ?? timedOut
    case 'unknown':
      return timedOut
    case 'failed':
      return answer
  }
}

type PartitionResponse = ResponseInput<typeof Produce>['responses'][number]['partitionResponses'][number]

const respond = async (
  { request, call }: ProduceRequest,
  sent: readonly (readonly Sent[])[],
): Promise<ResponseInput<typeof Produce>> => {
  const nodes = new Map<number, Node>()
  const responses = request.topicData.map(async (data, topic) => {
    const { name, topicId, partitionData } = data
    const reference = referenceTo(data, call)
    const partitionResponses = (sent[topic] ?? []).map((one, i) =>
      partitionResponse(partitionData[i]?.index ?? -1, one, reference, nodes),
    )
    return { name, topicId, partitionResponses: await Promise.all(partitionResponses) }
  })
  const answered = await Promise.all(responses)
  return {
    responses: answered,
    nodeEndpoints: [...nodes.values()].map((node) => ({ nodeId: node.id, ...addressOf(node) })),
  }
}

/** Adds to `nodes` those that it refers to (KIP-951). */
const partitionResponse = async (
  index: number,
  sent: Sent,
  reference: TopicReference,
  nodes: Map<number, Node>,
): Promise<PartitionResponse> => {
  const failed = { index, baseOffset: -1n, logAppendTimeMs: -1n, logStartOffset: -1n }
  if ('refused' in sent) {
    return { ...failed, errorCode: errors[sent.refused], errorMessage: sent.message, recordErrors: sent.recordErrors }
  }
  const { verdict, logStartOffset } = await sent.decided
  switch (verdict.outcome) {
    case 'next':
    case 'duplicate': {
      const { baseOffset } = verdict
      const { logAppendTimeMs } = sent.accepted
      return { index, errorCode: errors.NONE, baseOffset, logAppendTimeMs, logStartOffset: verdict.logStartOffset }
    }
    case 'refused': {
      // Another node took the lead. Producers know no epochs: to them this node leads no more.
      const error = verdict.error === 'FENCED_LEADER_EPOCH' ? 'NOT_LEADER_OR_FOLLOWER' : verdict.error
      return { ...failed, errorCode: errors[asAsked(error, reference)], logStartOffset }
    }
    case 'failed': {
      const { node, leaderEpoch } = verdict.leader ?? {}
      const answer = { ...failed, errorCode: errors[asAsked(verdict.error, reference)], logStartOffset }
      if (node === undefined || leaderEpoch === undefined) return answer
      nodes.set(node.id, node)
      return { ...answer, currentLeader: { leaderId: node.id, leaderEpoch } }
    }
  }
}
