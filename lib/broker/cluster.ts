import { rankedFor } from '../journal/leadership.ts'
import type { Node } from '../journal/nodes.ts'
import { ranked } from '../journal/rendezvous.ts'
import { shardOfPartition } from '../journal/topics.ts'
import { leaderEpochOf } from '../log/state.ts'
import type { Topic } from '../log/topic.ts'
import type { Shard } from '../store/keys.ts'
import type { Call } from './context.ts'
import { attempt } from './failures.ts'

/** The live gateways, each at its own address, or this one alone: never none, never two at one address. */
export const nodesOf = async ({ leadership, nodeId, connection, rack }: Call): Promise<readonly Node[]> => {
  const live = (await leadership?.nodes.live()) ?? []
  const { host, port } = connection.advertised
  return live.length > 0 ? live : [{ id: nodeId, host, port, zone: rack }]
}

/** As answers tell of a node: its zone is a rack to Kafka. */
export const addressOf = ({ host, port, zone }: Node) => ({ host, port, rack: zone })

/** Any node can coordinate a group; the same one for all clients, as long as it lives. */
export const coordinatorOf = (nodes: readonly Node[], groupId: string): Node | undefined =>
  ranked(nodes, `G/${groupId}`)[0]

/** Who coordinates nothing and is asked for it all the same: as in KRaft, any live node. */
export const controllerOf = (nodes: readonly Node[], { nodeId }: Call): number =>
  nodes.find(({ id }) => id === nodeId)?.id ?? nodes[0]?.id ?? nodeId

/** What is wrong with replicas that a person chose. Any live node will do: where a partition is means nothing here. */
export const assignmentProblem = (
  assignments: readonly { readonly brokerIds: readonly number[] }[],
  nodes: readonly Node[],
): string | undefined => {
  const isOurs = (id: number): boolean => nodes.some((node) => node.id === id)
  if (assignments.every(({ brokerIds }) => brokerIds.length > 0 && brokerIds.every(isOurs))) return undefined
  const ids = nodes.map(({ id }) => id).join(', ')
  return nodes.length === 1 ? `The only broker is ${ids}.` : `The brokers are ${ids}.`
}

/** Nodes that are told as replicas: the leader and those that come after it. The stores replicate, nodes do not. */
const maxReplicas = 3

export type Leader = {
  readonly leaderId: number
  /** −1: not known. */
  readonly leaderEpoch: number
  readonly replicaNodes: readonly number[]
  readonly isrNodes: readonly number[]
}

/**
 * Who leads each partition of a topic. Clients keep to the highest epoch they were told of, and take an answer with a
 * lower one for outdated: an epoch is told only where it is the newest, after a look if `looks`, else none.
 */
export const leadersOf = async (
  topic: Topic,
  nodes: readonly Node[],
  call: Call,
  { looks }: { readonly looks: boolean },
): Promise<(partitionIndex: number) => Leader> => {
  const leaders = new Map<number, Promise<Leader>>()
  const leaderOf = async (shard: Shard): Promise<Leader> => {
    const [first, ...others] = rankedFor(nodes, shard)
    const replicas = [first?.id ?? call.nodeId, ...others.slice(0, maxReplicas - 1).map(({ id }) => id)]
    const leaderEpoch = await epochOf(shard, nodes, call, looks)
    return { leaderId: first?.id ?? call.nodeId, leaderEpoch, replicaNodes: replicas, isrNodes: replicas }
  }
  for (let index = 0; index < topic.partitions; index++) {
    const shard = shardOfPartition(topic, index)
    if (!leaders.has(shard.index)) leaders.set(shard.index, leaderOf(shard))
  }
  const settled = new Map<number, Leader>()
  for (const [index, leader] of leaders) settled.set(index, await leader)
  const unknown = { leaderId: call.nodeId, leaderEpoch: -1, replicaNodes: [], isrNodes: [] }
  return (partitionIndex) => settled.get(shardOfPartition(topic, partitionIndex).index) ?? unknown
}

const epochOf = async (shard: Shard, nodes: readonly Node[], call: Call, looks: boolean): Promise<number> => {
  const { leadership, logs } = call
  // Whoever takes no leads may have neighbours that do, and hears of them late: other functions, gateways that left.
  if (leadership === undefined) return -1
  const here = leadership.epochHere(nodes, shard)
  if (here !== undefined) return here
  if (!looks) return -1
  return attempt(
    call,
    async () => leaderEpochOf(await logs.lane(shard).state('extended')),
    () => -1,
  )
}
