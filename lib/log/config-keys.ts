/** A topic config as Kafka 4.2 names, types and bounds it (Kafka docs: "Topic Configs"). */
export type ConfigKey = {
  readonly name: string
  readonly type: 'BOOLEAN' | 'STRING' | 'INT' | 'LONG' | 'DOUBLE' | 'LIST'
  readonly defaultValue: string
  /** The broker's name of the default; undefined where there is none. */
  readonly brokerName: string | undefined
  /** What it does here. */
  readonly documentation: string
  /** Why a trimmed value is none, or undefined when it is one. */
  readonly problem: (value: string) => string | undefined
}

const maxInt = 2n ** 31n - 1n
const maxLong = 2n ** 63n - 1n
const minLong = -(2n ** 63n)

type Whole = { readonly from?: bigint; readonly to?: bigint }

const whole =
  (type: 'INT' | 'LONG') =>
  (name: string, defaultValue: bigint, brokerName: string | undefined, range: Whole, documentation: string) => {
    const from = range.from ?? minLong
    const to = range.to ?? (type === 'INT' ? maxInt : maxLong)
    const problem = (value: string): string | undefined => {
      if (!/^[+-]?\d{1,20}$/.test(value)) return `it is no number of type ${type}`
      const number = BigInt(value.replace('+', ''))
      return number < from || number > to ? `it is not within ${from} and ${to}` : undefined
    }
    return { name, type, defaultValue: String(defaultValue), brokerName, documentation, problem }
  }

const int = whole('INT')
const long = whole('LONG')

const bool = (name: string, brokerName: string | undefined, documentation: string): ConfigKey => ({
  name,
  type: 'BOOLEAN',
  defaultValue: 'false',
  brokerName,
  documentation,
  problem: (value) => (/^(true|false)$/i.test(value) ? undefined : 'it is neither true nor false'),
})

const oneOf = (name: string, values: readonly [string, ...string[]], brokerName: string, documentation: string) => ({
  name,
  type: 'STRING' as const,
  defaultValue: values[0],
  brokerName,
  documentation,
  problem: (value: string) => (values.includes(value) ? undefined : `it is none of ${values.join(', ')}`),
})

const cleanupPolicyProblem = (value: string): string | undefined => {
  const policies = listOf(value)
  if (policies.includes('compact')) return 'compaction is not implemented yet, only delete is'
  return policies.length === 1 && policies[0] === 'delete' ? undefined : 'only delete is allowed'
}

const throttledProblem = (value: string): string | undefined =>
  value === '' || value === '*' || listOf(value).every((pair) => /^\d+:\d+$/.test(pair))
    ? undefined
    : 'it is no list of partition:broker'

const ratioProblem = (value: string): string | undefined =>
  /^\d*\.?\d+$/.test(value) && Number(value) <= 1 ? undefined : 'it is not within 0 and 1'

/** The elements of a value of type LIST. */
export const listOf = (value: string): readonly string[] =>
  value
    .split(',')
    .map((element) => element.trim())
    .filter((element) => element !== '')

const noEffect = (why: string): string => `Accepted without effect: ${why}.`
const noFiles = noEffect('records are not kept in files of this machine')
const noCompaction = noEffect('there is no compaction yet')
const noTiers = noEffect('all records are in the object store anyway')
const noReplicas = noEffect('the stores replicate, brokers do not')

const keys: readonly ConfigKey[] = [
  {
    name: 'cleanup.policy',
    type: 'LIST',
    defaultValue: 'delete',
    brokerName: 'log.cleanup.policy',
    documentation: 'What happens to old records. Only delete: compaction is not implemented yet.',
    problem: cleanupPolicyProblem,
  },
  {
    ...int('compression.gzip.level', -1n, 'compression.gzip.level', { from: -1n, to: 9n }, noEffect('the level is 1')),
    problem: (value) => (/^(-1|[1-9])$/.test(value) ? undefined : 'it is neither -1 nor within 1 and 9'),
  },
  int('compression.lz4.level', 9n, 'compression.lz4.level', { from: 1n, to: 17n }, noEffect('there is one level')),
  oneOf(
    'compression.type',
    ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'],
    'compression.type',
    'How batches are compressed. With producer they are stored as they were sent, which costs nothing.',
  ),
  int('compression.zstd.level', 3n, 'compression.zstd.level', { from: -131072n, to: 22n }, noEffect('the level is 3')),
  long('delete.retention.ms', 86_400_000n, 'log.cleaner.delete.retention.ms', { from: 0n }, noCompaction),
  long('file.delete.delay.ms', 60_000n, 'log.segment.delete.delay.ms', { from: 0n }, noFiles),
  long(
    'flush.messages',
    maxLong,
    'log.flush.interval.messages',
    { from: 1n },
    noEffect('a record is in the stores before it is acknowledged'),
  ),
  long(
    'flush.ms',
    maxLong,
    'log.flush.interval.ms',
    { from: 0n },
    noEffect('a record is in the stores before it is acknowledged'),
  ),
  {
    name: 'follower.replication.throttled.replicas',
    type: 'LIST',
    defaultValue: '',
    brokerName: undefined,
    documentation: noReplicas,
    problem: throttledProblem,
  },
  int('index.interval.bytes', 4096n, 'log.index.interval.bytes', { from: 0n }, noEffect('the index has its own step')),
  {
    name: 'leader.replication.throttled.replicas',
    type: 'LIST',
    defaultValue: '',
    brokerName: undefined,
    documentation: noReplicas,
    problem: throttledProblem,
  },
  long('local.retention.bytes', -2n, 'log.local.retention.bytes', { from: -2n }, noTiers),
  long('local.retention.ms', -2n, 'log.local.retention.ms', { from: -2n }, noTiers),
  long('max.compaction.lag.ms', maxLong, 'log.cleaner.max.compaction.lag.ms', { from: 1n }, noCompaction),
  int(
    'max.message.bytes',
    1_048_588n,
    'message.max.bytes',
    { from: 0n },
    'The most bytes of one batch, compressed. The gateway limits whole requests besides.',
  ),
  long(
    'message.timestamp.after.max.ms',
    3_600_000n,
    'log.message.timestamp.after.max.ms',
    { from: 0n },
    'How far ahead of the broker the timestamp of a record may be; without meaning for LogAppendTime.',
  ),
  long(
    'message.timestamp.before.max.ms',
    maxLong,
    'log.message.timestamp.before.max.ms',
    { from: 0n },
    'How far behind the broker the timestamp of a record may be; without meaning for LogAppendTime.',
  ),
  oneOf(
    'message.timestamp.type',
    ['CreateTime', 'LogAppendTime'],
    'log.message.timestamp.type',
    'Whether records keep the timestamps of their producers or get that of the broker.',
  ),
  {
    name: 'min.cleanable.dirty.ratio',
    type: 'DOUBLE',
    defaultValue: '0.5',
    brokerName: 'log.cleaner.min.cleanable.ratio',
    documentation: noCompaction,
    problem: ratioProblem,
  },
  long('min.compaction.lag.ms', 0n, 'log.cleaner.min.compaction.lag.ms', { from: 0n }, noCompaction),
  int('min.insync.replicas', 1n, 'min.insync.replicas', { from: 1n }, noReplicas),
  bool('preallocate', 'log.preallocate', noFiles),
  bool('remote.log.copy.disable', undefined, noTiers),
  bool('remote.log.delete.on.disable', undefined, noTiers),
  bool('remote.storage.enable', undefined, noTiers),
  long(
    'retention.bytes',
    -1n,
    'log.retention.bytes',
    {},
    'Bytes of a partition beyond which its oldest segments go; -1 is no limit.',
  ),
  long(
    'retention.ms',
    604_800_000n,
    'log.retention.ms',
    { from: -1n },
    'Age of a segment’s newest record beyond which the segment goes; -1 is no limit.',
  ),
  int('segment.bytes', 1_073_741_824n, 'log.segment.bytes', { from: 1_048_576n }, noEffect('flushes make segments')),
  int('segment.index.bytes', 10_485_760n, 'log.index.size.max.bytes', { from: 4n }, noFiles),
  long('segment.jitter.ms', 0n, 'log.roll.jitter.ms', { from: 0n }, noEffect('flushes make segments')),
  long('segment.ms', 604_800_000n, 'log.roll.ms', { from: 1n }, noEffect('flushes make segments')),
  bool('unclean.leader.election.enable', 'unclean.leader.election.enable', noReplicas),
  int(
    'wadi.shards',
    1n,
    undefined,
    { from: 1n },
    'Journals that the partitions are spread over: more for topics that very many write at once. Set at creation only; ' +
      'one per started 16 partitions unless given.',
  ),
  {
    ...oneOf(
      'wadi.value.format',
      ['auto', 'json', 'string', 'bytes'],
      '',
      'How values are read over HTTP. With json, values that are not JSON are refused over HTTP.',
    ),
    brokerName: undefined,
  },
]

/** Every config that a topic may have, by name, in alphabetical order. */
export const configKeys: ReadonlyMap<string, ConfigKey> = new Map(keys.map((key) => [key.name, key]))
