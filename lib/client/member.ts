import { ClassicMember } from './classic-member.ts'
import type { KafkaCluster } from './cluster.ts'
import { NewMember } from './new-member.ts'
import type { Committer, TopicPartition } from './offsets.ts'

/** What happened to a member's partitions: those that it has to give away, and those that it has then. */
export type Change = { readonly revoked: readonly TopicPartition[]; readonly assigned: readonly TopicPartition[] }

export type MemberSettings = {
  readonly groupId: string
  readonly instanceId: string | null
  readonly topics: readonly string[]
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly assignor: 'range' | 'roundrobin'
}

/** A member of a group: to be asked often, several times within a session. */
export type Member = {
  readonly committer: () => Committer
  /** Heartbeats when it is time, and what it has then; undefined where nothing has changed. `revoke` is awaited before. */
  readonly beat: (revoke: (partitions: readonly TopicPartition[]) => Promise<void>) => Promise<Change | undefined>
  readonly leave: () => Promise<void>
}

/** Of the classic protocol, or of the new one (KIP-848). */
export const memberOf = (cluster: KafkaCluster, protocol: 'classic' | 'consumer', settings: MemberSettings): Member =>
  protocol === 'classic' ? new ClassicMember(cluster, settings) : new NewMember(cluster, settings)
