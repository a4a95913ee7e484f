import type { Api, ResponseInput } from '../protocol/declare.ts'
import { errors } from '../protocol/errors.ts'
import { type RequestHeader, readRequest, writeResponse } from '../protocol/header.ts'
import { AlterConfigs } from '../protocol/messages/alter-configs.ts'
import { ApiVersions } from '../protocol/messages/api-versions.ts'
import { ConsumerGroupDescribe } from '../protocol/messages/consumer-group-describe.ts'
import { ConsumerGroupHeartbeat } from '../protocol/messages/consumer-group-heartbeat.ts'
import { CreatePartitions } from '../protocol/messages/create-partitions.ts'
import { CreateTopics } from '../protocol/messages/create-topics.ts'
import { DeleteGroups } from '../protocol/messages/delete-groups.ts'
import { DeleteRecords } from '../protocol/messages/delete-records.ts'
import { DeleteTopics } from '../protocol/messages/delete-topics.ts'
import { DescribeCluster } from '../protocol/messages/describe-cluster.ts'
import { DescribeConfigs } from '../protocol/messages/describe-configs.ts'
import { DescribeGroups } from '../protocol/messages/describe-groups.ts'
import { DescribeTopicPartitions } from '../protocol/messages/describe-topic-partitions.ts'
import { Fetch } from '../protocol/messages/fetch.ts'
import { FindCoordinator } from '../protocol/messages/find-coordinator.ts'
import { Heartbeat } from '../protocol/messages/heartbeat.ts'
import { IncrementalAlterConfigs } from '../protocol/messages/incremental-alter-configs.ts'
import { InitProducerId } from '../protocol/messages/init-producer-id.ts'
import { JoinGroup } from '../protocol/messages/join-group.ts'
import { LeaveGroup } from '../protocol/messages/leave-group.ts'
import { ListGroups } from '../protocol/messages/list-groups.ts'
import { ListOffsets } from '../protocol/messages/list-offsets.ts'
import { Metadata } from '../protocol/messages/metadata.ts'
import { OffsetCommit } from '../protocol/messages/offset-commit.ts'
import { OffsetDelete } from '../protocol/messages/offset-delete.ts'
import { OffsetFetch } from '../protocol/messages/offset-fetch.ts'
import { OffsetForLeaderEpoch } from '../protocol/messages/offset-for-leader-epoch.ts'
import { SyncGroup } from '../protocol/messages/sync-group.ts'
import type { Reader } from '../protocol/reader.ts'
import type { Reply } from './broker.ts'
import type { Call, Handler } from './context.ts'
import { attempt } from './failures.ts'
import { groupFailure } from './group-answers.ts'
import { alterConfigs } from './handlers/alter-configs.ts'
import { apiVersions } from './handlers/api-versions.ts'
import { consumerGroupDescribe } from './handlers/consumer-group-describe.ts'
import { consumerGroupHeartbeat, heartbeatFailed } from './handlers/consumer-group-heartbeat.ts'
import { createPartitions } from './handlers/create-partitions.ts'
import { createTopics } from './handlers/create-topics.ts'
import { deleteGroups } from './handlers/delete-groups.ts'
import { deleteRecords } from './handlers/delete-records.ts'
import { deleteTopics } from './handlers/delete-topics.ts'
import { describeCluster } from './handlers/describe-cluster.ts'
import { describeConfigs } from './handlers/describe-configs.ts'
import { describeGroups } from './handlers/describe-groups.ts'
import { describeTopicPartitions } from './handlers/describe-topic-partitions.ts'
import { fetch } from './handlers/fetch.ts'
import { findCoordinator } from './handlers/find-coordinator.ts'
import { heartbeat } from './handlers/heartbeat.ts'
import { incrementalAlterConfigs } from './handlers/incremental-alter-configs.ts'
import { initFailed, initProducerId } from './handlers/init-producer-id.ts'
import { joinFailed, joinGroup } from './handlers/join-group.ts'
import { leaveGroup } from './handlers/leave-group.ts'
import { listGroups } from './handlers/list-groups.ts'
import { listOffsets } from './handlers/list-offsets.ts'
import { metadata } from './handlers/metadata.ts'
import { offsetCommit } from './handlers/offset-commit.ts'
import { offsetDelete, offsetDeleteFailed } from './handlers/offset-delete.ts'
import { offsetFetch } from './handlers/offset-fetch.ts'
import { offsetForLeaderEpoch } from './handlers/offset-for-leader-epoch.ts'
import { syncFailed, syncGroup } from './handlers/sync-group.ts'

/** Reads a request behind its header, has it handled, writes the reply. */
type Route = {
  readonly key: number
  readonly answer: (reader: Reader, header: RequestHeader, call: Call) => Promise<Reply>
}

/** `failed` says the same error of everything, where an API can; without it the connection is closed. */
const route = <A extends Api>(
  api: A,
  handler: Handler<A>,
  failed?: (errorCode: number) => ResponseInput<A>,
): Route => ({
  key: api.key,
  answer: async (reader, { apiVersion, correlationId }, call) => {
    const request = readRequest(api, apiVersion, reader)
    const body = failed
      ? await attempt(
          call,
          () => handler(request, call),
          (error) => failed(errors[error]),
        )
      : await handler(request, call)
    return writeResponse(api, apiVersion, correlationId, body)
  },
})

const all: readonly Route[] = [
  route(ApiVersions, apiVersions),
  route(Metadata, metadata),
  route(Fetch, fetch, (errorCode) => ({ errorCode, responses: [] })),
  route(ListOffsets, listOffsets),
  route(FindCoordinator, findCoordinator),
  route(InitProducerId, initProducerId, initFailed),
  route(OffsetForLeaderEpoch, offsetForLeaderEpoch),
  route(CreateTopics, createTopics),
  route(DeleteTopics, deleteTopics),
  route(CreatePartitions, createPartitions),
  route(DeleteRecords, deleteRecords),
  route(DescribeConfigs, describeConfigs),
  route(AlterConfigs, alterConfigs),
  route(IncrementalAlterConfigs, incrementalAlterConfigs),
  route(DescribeCluster, describeCluster, (errorCode) => ({ errorCode, clusterId: '', brokers: [] })),
  route(DescribeTopicPartitions, describeTopicPartitions),
  route(JoinGroup, joinGroup, joinFailed),
  route(SyncGroup, syncGroup, syncFailed),
  route(Heartbeat, heartbeat, (errorCode) => ({ errorCode: groupFailure(errorCode) })),
  route(LeaveGroup, leaveGroup, (errorCode) => ({ errorCode: groupFailure(errorCode) })),
  route(OffsetCommit, offsetCommit),
  route(OffsetFetch, offsetFetch),
  route(OffsetDelete, offsetDelete, offsetDeleteFailed),
  route(ListGroups, listGroups, (errorCode) => ({ errorCode: groupFailure(errorCode), groups: [] })),
  route(DescribeGroups, describeGroups),
  route(DeleteGroups, deleteGroups),
  route(ConsumerGroupHeartbeat, consumerGroupHeartbeat, heartbeatFailed),
  route(ConsumerGroupDescribe, consumerGroupDescribe),
]

/** What answers a request, by API key; Produce is not here, because its frames are answered together. */
export const routes: ReadonlyMap<number, Route> = new Map(all.map((one) => [one.key, one]))
