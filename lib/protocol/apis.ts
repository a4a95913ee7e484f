import { type Api, includes, type ResponseInput, type VersionRange } from './declare.ts'
import { errors } from './errors.ts'
import { writeResponse } from './header.ts'
import { AlterConfigs } from './messages/alter-configs.ts'
import { ApiVersions } from './messages/api-versions.ts'
import { ConsumerGroupDescribe } from './messages/consumer-group-describe.ts'
import { ConsumerGroupHeartbeat } from './messages/consumer-group-heartbeat.ts'
import { CreatePartitions } from './messages/create-partitions.ts'
import { CreateTopics } from './messages/create-topics.ts'
import { DeleteGroups } from './messages/delete-groups.ts'
import { DeleteRecords } from './messages/delete-records.ts'
import { DeleteTopics } from './messages/delete-topics.ts'
import { DescribeCluster } from './messages/describe-cluster.ts'
import { DescribeConfigs } from './messages/describe-configs.ts'
import { DescribeGroups } from './messages/describe-groups.ts'
import { DescribeTopicPartitions } from './messages/describe-topic-partitions.ts'
import { Fetch } from './messages/fetch.ts'
import { FindCoordinator } from './messages/find-coordinator.ts'
import { Heartbeat } from './messages/heartbeat.ts'
import { IncrementalAlterConfigs } from './messages/incremental-alter-configs.ts'
import { InitProducerId } from './messages/init-producer-id.ts'
import { JoinGroup } from './messages/join-group.ts'
import { LeaveGroup } from './messages/leave-group.ts'
import { ListGroups } from './messages/list-groups.ts'
import { ListOffsets } from './messages/list-offsets.ts'
import { Metadata } from './messages/metadata.ts'
import { OffsetCommit } from './messages/offset-commit.ts'
import { OffsetDelete } from './messages/offset-delete.ts'
import { OffsetFetch } from './messages/offset-fetch.ts'
import { OffsetForLeaderEpoch } from './messages/offset-for-leader-epoch.ts'
import { Produce } from './messages/produce.ts'
import { SyncGroup } from './messages/sync-group.ts'

/**
 * Which of the functions answers an API over HTTPS, at `/kafka/<door>`: each has only the permissions that its APIs need.
 * ApiVersions is answered at every door.
 */
export const doors = ['produce', 'fetch', 'admin', 'groups'] as const

export type Door = (typeof doors)[number]

/** An API and the versions that ApiVersions announces for it. */
export type ListedApi = { readonly api: Api; readonly listed: VersionRange }

/** An API that is answered, and where over HTTPS. */
export type ServedApi = ListedApi & { readonly door: Door }

/**
 * Every API that is answered: nothing is announced that is not, and nothing is answered that is not announced.
 * Dispatch, the reply to ApiVersions and the README's table are made of this one list.
 */
export const servedApis: readonly ServedApi[] = [
  // librdkafka silently turns compression off unless the list begins at 0 (KAFKA-18659); versions 0 to 2 are refused.
  { api: Produce, listed: { first: 0, last: 13 }, door: 'produce' },
  served(Fetch, 'fetch'),
  served(ListOffsets, 'fetch'),
  served(Metadata, 'admin'),
  served(OffsetCommit, 'groups'),
  served(OffsetFetch, 'groups'),
  served(FindCoordinator, 'groups'),
  served(JoinGroup, 'groups'),
  served(Heartbeat, 'groups'),
  served(LeaveGroup, 'groups'),
  served(SyncGroup, 'groups'),
  served(DescribeGroups, 'groups'),
  served(ListGroups, 'groups'),
  served(ApiVersions, 'admin'),
  served(CreateTopics, 'admin'),
  served(DeleteTopics, 'admin'),
  served(DeleteRecords, 'admin'),
  // Version 6 is two-phase commit, which Kafka 4.2 does not announce either.
  { api: InitProducerId, listed: { first: 0, last: 5 }, door: 'produce' },
  served(OffsetForLeaderEpoch, 'fetch'),
  served(DescribeConfigs, 'admin'),
  served(AlterConfigs, 'admin'),
  served(CreatePartitions, 'admin'),
  served(DeleteGroups, 'groups'),
  served(IncrementalAlterConfigs, 'admin'),
  served(OffsetDelete, 'groups'),
  served(DescribeCluster, 'admin'),
  served(ConsumerGroupHeartbeat, 'groups'),
  served(ConsumerGroupDescribe, 'groups'),
  served(DescribeTopicPartitions, 'admin'),
]

function served(api: Api, door: Door): ServedApi {
  return { api, listed: api.versions, door }
}

/** Where the frames of an API are answered over HTTPS; undefined for an API that is not. */
export const doorOf = (apiKey: number): Door | undefined => servedApis.find(({ api }) => api.key === apiKey)?.door

/**
 * Features that are on, by name (KIP-584): `group.version` turns on the new group protocol in clients and tools.
 * `transaction.version` belongs here with transactions v2. Clients change what they send as soon as they see one.
 */
const features: readonly { readonly name: string; readonly version: number }[] = [{ name: 'group.version', version: 1 }]

/** The API to answer a request with; undefined where the connection is to be closed, or `refuseApiVersions` to be sent. */
export const servedApi = (key: number, version: number): Api | undefined =>
  servedApis.find(({ api, listed }) => api.key === key && includes(listed, version) && includes(api.versions, version))
    ?.api

/** What ApiVersions answers in every version that it has; `more` is what is answered before a request gets to a broker. */
export const apiVersionsReply = (more: readonly ListedApi[] = []): ResponseInput<typeof ApiVersions> => ({
  errorCode: errors.NONE,
  apiKeys: [...servedApis, ...more].map(({ api, listed }) => ({
    apiKey: api.key,
    minVersion: listed.first,
    maxVersion: listed.last,
  })),
  // A lowest version of 0 would break clients that ask in a version before 4 (KAFKA-17011).
  supportedFeatures: features.map(({ name, version }) => ({ name, minVersion: 1, maxVersion: version })),
  finalizedFeaturesEpoch: features.length === 0 ? -1n : 0n,
  finalizedFeatures: features.map(({ name, version }) => ({
    name,
    minVersionLevel: version,
    maxVersionLevel: version,
  })),
})

/** The frame that answers ApiVersions in a version that nobody knows yet: the layout of v0, the error and the list (KIP-511). */
export const refuseApiVersions = (correlationId: number, more: readonly ListedApi[] = []): Buffer[] =>
  writeResponse(ApiVersions, 0, correlationId, { ...apiVersionsReply(more), errorCode: errors.UNSUPPORTED_VERSION })

/** The list as a table in Markdown, for the README. */
export const apiTable = (): string => {
  const rows = servedApis.map(({ api, listed }) => {
    const answered = api.versions.first === listed.first ? '' : ` (answered from ${api.versions.first})`
    return `| ${api.key} | ${api.name} | ${listed.first}–${listed.last}${answered} |`
  })
  return ['| key | API | versions |', '|---|---|---|', ...rows].join('\n')
}
