import fc from 'fast-check'
import { type Codec, requestCodec, responseCodec } from '../../lib/protocol/compile.ts'
import { type Api, type Field, type Fields, includes } from '../../lib/protocol/declare.ts'
import { AlterConfigs } from '../../lib/protocol/messages/alter-configs.ts'
import { ApiVersions } from '../../lib/protocol/messages/api-versions.ts'
import { ConsumerGroupDescribe } from '../../lib/protocol/messages/consumer-group-describe.ts'
import { ConsumerGroupHeartbeat } from '../../lib/protocol/messages/consumer-group-heartbeat.ts'
import { CreatePartitions } from '../../lib/protocol/messages/create-partitions.ts'
import { CreateTopics } from '../../lib/protocol/messages/create-topics.ts'
import { DeleteGroups } from '../../lib/protocol/messages/delete-groups.ts'
import { DeleteRecords } from '../../lib/protocol/messages/delete-records.ts'
import { DeleteTopics } from '../../lib/protocol/messages/delete-topics.ts'
import { DescribeCluster } from '../../lib/protocol/messages/describe-cluster.ts'
import { DescribeConfigs } from '../../lib/protocol/messages/describe-configs.ts'
import { DescribeGroups } from '../../lib/protocol/messages/describe-groups.ts'
import { DescribeTopicPartitions } from '../../lib/protocol/messages/describe-topic-partitions.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { FindCoordinator } from '../../lib/protocol/messages/find-coordinator.ts'
import { Heartbeat } from '../../lib/protocol/messages/heartbeat.ts'
import { IncrementalAlterConfigs } from '../../lib/protocol/messages/incremental-alter-configs.ts'
import { InitProducerId } from '../../lib/protocol/messages/init-producer-id.ts'
import { JoinGroup } from '../../lib/protocol/messages/join-group.ts'
import { LeaveGroup } from '../../lib/protocol/messages/leave-group.ts'
import { ListGroups } from '../../lib/protocol/messages/list-groups.ts'
import { ListOffsets } from '../../lib/protocol/messages/list-offsets.ts'
import { Metadata } from '../../lib/protocol/messages/metadata.ts'
import { OffsetCommit } from '../../lib/protocol/messages/offset-commit.ts'
import { OffsetDelete } from '../../lib/protocol/messages/offset-delete.ts'
import { OffsetFetch } from '../../lib/protocol/messages/offset-fetch.ts'
import { OffsetForLeaderEpoch } from '../../lib/protocol/messages/offset-for-leader-epoch.ts'
import { Produce } from '../../lib/protocol/messages/produce.ts'
import { SyncGroup } from '../../lib/protocol/messages/sync-group.ts'

/** Every API that is declared, whether or not it is served yet. */
export const everyApi: readonly Api[] = [
  AlterConfigs,
  ApiVersions,
  ConsumerGroupDescribe,
  ConsumerGroupHeartbeat,
  CreatePartitions,
  CreateTopics,
  DeleteGroups,
  DeleteRecords,
  DeleteTopics,
  DescribeCluster,
  DescribeConfigs,
  DescribeGroups,
  DescribeTopicPartitions,
  Fetch,
  FindCoordinator,
  Heartbeat,
  IncrementalAlterConfigs,
  InitProducerId,
  JoinGroup,
  LeaveGroup,
  ListGroups,
  ListOffsets,
  Metadata,
  OffsetCommit,
  OffsetDelete,
  OffsetFetch,
  OffsetForLeaderEpoch,
  Produce,
  SyncGroup,
]

export const directions = ['request', 'response'] as const
export type Direction = (typeof directions)[number]

/** One message of one version, as a value of no particular type. */
export type Message = { readonly [name: string]: unknown }

export const versionsOf = ({ versions: { first, last } }: Api): readonly number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index)

export const codecOf = (api: Api, direction: Direction, version: number): Codec<Message, Message> =>
  direction === 'request' ? requestCodec(api, version) : responseCodec(api, version)

/** Values of all fields; those that the version lacks have their default, as when they are read. */
export const anyMessage = (fields: Fields, version: number): fc.Arbitrary<Message> =>
  fc.record(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, anyValue(field, version)])))

const anyValue = (field: Field, version: number): fc.Arbitrary<unknown> => {
  if (!includes(field.versions, version)) return fc.constant(field.default)
  const value = anyPresent(field, version)
  const sometimesDefault = field.tag === undefined ? value : fc.oneof(fc.constant(field.default), value)
  return includes(field.nullable, version) ? fc.option(sometimesDefault, { freq: 3 }) : withoutNull(sometimesDefault)
}

/** A default of null counts in all versions, but can be written only in some. */
const withoutNull = (values: fc.Arbitrary<unknown>) => values.filter((value) => value !== null)

const binary: fc.Arbitrary<Buffer> = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))

const anyPresent = (field: Field, version: number): fc.Arbitrary<unknown> => {
  switch (field.type) {
    case 'bool':
      return fc.boolean()
    case 'int8':
      return fc.integer({ min: -128, max: 127 })
    case 'int16':
      return fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 })
    case 'int32':
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
    case 'int64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url'))
    case 'string':
      return fc.oneof(fc.string({ maxLength: 50 }), fc.string({ unit: 'grapheme', maxLength: 50 }))
    case 'bytes':
    case 'records':
      return binary
    case 'list':
      return fc.array(field.element === undefined ? fc.constant(null) : anyPresent(field.element, version), {
        maxLength: 3,
      })
    case 'struct':
      return anyMessage(field.fields ?? {}, version)
  }
}
