import {
  either,
  fields,
  flag,
  formatAbove,
  listOf,
  oneOf,
  optional,
  orNull,
  recordOf,
  type Shape,
  text,
  whole,
} from '../store/document-shape.ts'

const partitions = recordOf(listOf(whole))
const bytes = either(text, fields({ object: text }))

const classicMember = fields({
  memberId: text,
  instanceId: orNull(text),
  clientId: text,
  clientHost: text,
  sessionTimeoutMs: whole,
  rebalanceTimeoutMs: whole,
  protocols: listOf(fields({ name: text, metadata: bytes })),
  assignment: bytes,
  joined: flag,
  synced: flag,
  seenMs: whole,
})

const classic = {
  generation: whole,
  state: oneOf('Empty', 'PreparingRebalance', 'CompletingRebalance', 'Stable'),
  protocolType: orNull(text),
  protocol: orNull(text),
  leader: orNull(text),
  members: listOf(classicMember),
  pending: listOf(fields({ memberId: text, untilMs: whole })),
  notBeforeMs: whole,
  deadlineMs: whole,
}

const consumerMember = fields({
  memberId: text,
  instanceId: orNull(text),
  rackId: orNull(text),
  clientId: text,
  clientHost: text,
  rebalanceTimeoutMs: whole,
  subscribedNames: listOf(text),
  subscribedRegex: text,
  assignor: orNull(oneOf('uniform', 'range')),
  epoch: whole,
  previousEpoch: whole,
  givenEpoch: whole,
  freshEpoch: optional(whole),
  target: partitions,
  assigned: partitions,
  revoking: partitions,
  revokeUntilMs: optional(whole),
  confirmed: flag,
  seenMs: whole,
})

const consumer = {
  epoch: whole,
  targetEpoch: whole,
  assignor: oneOf('uniform', 'range'),
  topics: listOf(fields({ id: text, name: text, partitions: whole })),
  topicsSeenMs: whole,
  members: listOf(consumerMember),
}

const lease = {
  epoch: whole,
  isOpen: flag,
  members: listOf(
    fields({
      memberId: text,
      instanceId: oneOf(null),
      number: whole,
      clientId: text,
      clientHost: text,
      untilMs: whole,
      ranges: listOf(fields({ topicId: text, name: text, index: whole, from: whole, upTo: whole })),
    }),
  ),
  failed: listOf(
    fields({
      topicId: text,
      name: text,
      index: whole,
      offset: whole,
      attempts: whole,
      error: text,
      lease: orNull(whole),
      dueMs: whole,
      isDead: flag,
    }),
  ),
  done: listOf(whole),
}

const alive = { life: text, fence: whole, emptySinceMs: optional(whole) }

/** A group's document at rest, as `group-bytes.ts` draws it; what holds among its fields is asked elsewhere. */
export const groupShape = (format: number, leaseFormat: number): Shape =>
  either(
    formatAbove(leaseFormat),
    fields({ format: oneOf(format), type: oneOf('deleted'), life: text, deletedMs: whole, emptiedMs: optional(whole) }),
    fields({ format: oneOf(format), type: oneOf('classic'), ...alive, ...classic }),
    fields({ format: oneOf(format), type: oneOf('consumer'), ...alive, ...consumer }),
    fields({ format: oneOf(leaseFormat), type: oneOf('lease'), ...alive, ...lease }),
  )
