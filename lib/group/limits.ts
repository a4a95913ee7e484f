/** Bounds and defaults of groups; the names in Kafka's documentation ("Broker Configs", "Group Configs") where it has them. */
export type GroupLimits = {
  /** `group.min.session.timeout.ms`, `group.max.session.timeout.ms`. */
  readonly minSessionTimeoutMs: number
  readonly maxSessionTimeoutMs: number
  /** `group.initial.rebalance.delay.ms`: a new group waits so long after its first member for others. */
  readonly initialJoinDelayMs: number
  /** `group.max.size`. */
  readonly maxMembers: number
  /** `group.consumer.session.timeout.ms`. */
  readonly consumerSessionTimeoutMs: number
  /** `group.consumer.heartbeat.interval.ms`: how often members of the new protocol are asked to call, at most 15 s. */
  readonly consumerHeartbeatIntervalMs: number
  /** What the group's topics are is looked up again after this. */
  readonly topicsSeenForMs: number
  /** `offsets.retention.minutes`: what a group without members has committed is kept so long. */
  readonly offsetsRetentionMs: number
  /** `offset.metadata.max.bytes`. */
  readonly maxMetadataBytes: number
  /** A join is held at most so long, then it is answered COORDINATOR_LOAD_IN_PROGRESS and comes again. */
  readonly joinHoldMs: number
  /** A sync is held at most so long, then it is answered REBALANCE_IN_PROGRESS. Its connection's heartbeats wait behind it. */
  readonly syncHoldMs: number
  /** A write without an answer is given up after this. */
  readonly writeTimeoutMs: number
}

export const defaultGroupLimits: GroupLimits = {
  minSessionTimeoutMs: 6000,
  maxSessionTimeoutMs: 30 * 60_000,
  initialJoinDelayMs: 300,
  maxMembers: 500,
  consumerSessionTimeoutMs: 45_000,
  consumerHeartbeatIntervalMs: 5000,
  topicsSeenForMs: 30_000,
  offsetsRetentionMs: 7 * 24 * 3600_000,
  maxMetadataBytes: 4096,
  joinHoldMs: 20_000,
  syncHoldMs: 5000,
  writeTimeoutMs: 10_000,
}
