import * as z from 'zod'

// The shapes of Confluent's REST API v3, written down from what its clients read and not from the code.

const related = z.strictObject({ related: z.url() })
const resource = <S extends z.ZodRawShape>(kind: string, shape: S) =>
  z.strictObject({
    kind: z.literal(kind),
    metadata: z.strictObject({ self: z.url(), resource_name: z.string().startsWith('crn:///kafka=') }),
    cluster_id: z.string(),
    ...shape,
  })
export const listOf = (kind: string, one: z.ZodType) =>
  z.strictObject({
    kind: z.literal(kind),
    metadata: z.strictObject({ self: z.url(), next: z.null() }),
    data: z.array(one),
  })
const config = {
  name: z.string(),
  value: z.string().nullable(),
  is_default: z.boolean(),
  is_read_only: z.boolean(),
  is_sensitive: z.boolean(),
  source: z.enum(['DYNAMIC_TOPIC_CONFIG', 'STATIC_BROKER_CONFIG', 'DEFAULT_CONFIG']),
  synonyms: z.array(z.strictObject({ name: z.string(), value: z.string().nullable(), source: z.string() })),
}
export const shapes = {
  cluster: resource('KafkaCluster', {
    controller: related,
    acls: related,
    brokers: related,
    broker_configs: related,
    consumer_groups: related,
    topics: related,
    partition_reassignments: related,
  }),
  broker: resource('KafkaBroker', {
    broker_id: z.int(),
    host: z.string().nullable(),
    port: z.int().nullable(),
    rack: z.string().nullable(),
    configs: related,
    partition_replicas: related,
  }),
  topic: resource('KafkaTopic', {
    topic_name: z.string(),
    is_internal: z.boolean(),
    replication_factor: z.int(),
    partitions_count: z.int(),
    partitions: related,
    configs: related,
    partition_reassignments: related,
    authorized_operations: z.array(z.string()),
  }),
  topicConfig: resource('KafkaTopicConfig', { topic_name: z.string(), ...config }),
  brokerConfig: resource('KafkaBrokerConfig', { broker_id: z.int(), ...config }),
  partition: resource('KafkaPartition', {
    topic_name: z.string(),
    partition_id: z.int(),
    leader: related,
    replicas: related,
    reassignment: related,
  }),
  offsets: resource('KafkaPartition', {
    topic_name: z.string(),
    partition_id: z.int(),
    earliest_offset: z.int(),
    latest_offset: z.int(),
  }),
  replica: resource('KafkaReplica', {
    topic_name: z.string(),
    partition_id: z.int(),
    broker_id: z.int(),
    is_leader: z.boolean(),
    is_in_sync: z.boolean(),
    broker: related,
  }),
  group: resource('KafkaConsumerGroup', {
    consumer_group_id: z.string(),
    is_simple: z.boolean(),
    is_mixed_consumer_group: z.boolean(),
    partition_assignor: z.string(),
    state: z.enum(['STABLE', 'EMPTY', 'RECONCILING', 'PREPARING_REBALANCE', 'COMPLETING_REBALANCE', 'DEAD']),
    type: z.enum(['CLASSIC', 'CONSUMER']),
    coordinator: related,
    consumers: related,
    lag_summary: related,
  }),
  consumer: resource('KafkaConsumer', {
    consumer_group_id: z.string(),
    consumer_id: z.string(),
    instance_id: z.string().nullable(),
    client_id: z.string(),
    assignments: related,
  }),
  lag: resource('KafkaConsumerLag', {
    consumer_group_id: z.string(),
    topic_name: z.string(),
    partition_id: z.int(),
    current_offset: z.int(),
    log_end_offset: z.int(),
    lag: z.int(),
    consumer_id: z.string(),
    instance_id: z.string().nullable(),
    client_id: z.string(),
  }),
  summary: resource('KafkaConsumerGroupLagSummary', {
    consumer_group_id: z.string(),
    max_lag_consumer_id: z.string(),
    max_lag_instance_id: z.string().nullable(),
    max_lag_client_id: z.string(),
    max_lag_topic_name: z.string(),
    max_lag_partition_id: z.int(),
    max_lag: z.int(),
    total_lag: z.int(),
    max_lag_consumer: related,
    max_lag_partition: related,
  }),
  error: z.strictObject({ error_code: z.int().min(400), message: z.string().min(1) }),
}
const part = z.strictObject({ type: z.enum(['BINARY', 'JSON', 'STRING']), size: z.int() }).nullable()
const place = {
  cluster_id: z.string(),
  topic_name: z.string(),
  partition_id: z.int(),
  offset: z.int(),
  timestamp: z.iso.datetime(),
  key: part,
  value: part,
}
export const produced = z.strictObject({ error_code: z.literal(200), ...place })
export const batched = z.strictObject({
  successes: z.array(z.strictObject({ id: z.string(), ...place })),
  failures: z.array(z.strictObject({ id: z.string(), error_code: z.int(), message: z.string() })),
})
