import { expect, test } from 'vitest'
import { configOf, configProblem, shardsFor } from '../../lib/log/config.ts'
import { configKeys } from '../../lib/log/config-keys.ts'

test('what is not set has its default', () => {
  expect(configOf({ configs: {} })).toEqual({
    retentionMs: 604_800_000n,
    retentionBytes: -1n,
    maxMessageBytes: 1_048_588,
    timestampType: 'CreateTime',
    timestampBeforeMaxMs: 2n ** 63n - 1n,
    timestampAfterMaxMs: 3_600_000n,
    compressionType: 'producer',
    valueFormat: 'auto',
  })
})

test('what is set counts', () => {
  const configs = {
    'retention.ms': '-1',
    'retention.bytes': ' 5 ',
    'max.message.bytes': '100',
    'message.timestamp.type': 'LogAppendTime',
    'message.timestamp.before.max.ms': '7',
    'message.timestamp.after.max.ms': '8',
    'compression.type': 'uncompressed',
  }
  expect(configProblem(configs)).toBeUndefined()
  expect(configOf({ configs })).toEqual({
    retentionMs: -1n,
    retentionBytes: 5n,
    maxMessageBytes: 100,
    timestampType: 'LogAppendTime',
    timestampBeforeMaxMs: 7n,
    timestampAfterMaxMs: 8n,
    compressionType: 'none',
    valueFormat: 'auto',
  })
})

test('every default is a value that may be set', () => {
  for (const { name, defaultValue } of configKeys.values()) {
    expect(configProblem({ [name]: defaultValue }), name).toBeUndefined()
  }
})

test('the configs are in the order of their names and all say what they do', () => {
  const names = [...configKeys.keys()]
  expect(names).toEqual(names.toSorted())
  for (const { documentation } of configKeys.values()) expect(documentation).toMatch(/\.$/)
})

test.each([
  ['retention.ms', '-2'],
  ['retention.ms', '1.5'],
  ['retention.ms', ''],
  ['retention.ms', '9223372036854775808'],
  ['retention.ms', '99999999999999999999999999'],
  ['retention.bytes', '1e3'],
  ['max.message.bytes', '2147483648'],
  ['max.message.bytes', '-1'],
  ['compression.type', 'brotli'],
  ['compression.gzip.level', '0'],
  ['compression.lz4.level', '18'],
  ['cleanup.policy', 'compact'],
  ['cleanup.policy', 'compact,delete'],
  ['cleanup.policy', 'delete,delete'],
  ['cleanup.policy', ''],
  ['message.timestamp.type', 'createtime'],
  ['min.cleanable.dirty.ratio', '1.1'],
  ['min.cleanable.dirty.ratio', 'half'],
  ['preallocate', 'yes'],
  ['min.insync.replicas', '0'],
  ['segment.bytes', '1000'],
  ['leader.replication.throttled.replicas', 'a:b'],
  ['wadi.shards', '0'],
  ['leader.replication.throttled.replicas', '0:1,'.repeat(501)],
  ['retention.hours', '1'],
])('%s=%s is refused by name', (name, value) => {
  expect(configProblem({ [name]: value })).toContain(name)
})

test.each([
  ['preallocate', 'TRUE'],
  ['retention.ms', '+5'],
  ['leader.replication.throttled.replicas', '*'],
  ['follower.replication.throttled.replicas', '0:1, 1:1'],
  ['min.cleanable.dirty.ratio', '.5'],
  ['compression.gzip.level', '9'],
  ['cleanup.policy', ' delete '],
])('%s=%s is allowed', (name, value) => {
  expect(configProblem({ [name]: value })).toBeUndefined()
})

test('shards follow from the partitions unless they are given, and must hold them', () => {
  expect(shardsFor({}, 1)).toEqual({ shards: 1 })
  expect(shardsFor({}, 17)).toEqual({ shards: 2 })
  expect(shardsFor({ 'wadi.shards': '8' }, 8)).toEqual({ shards: 8 })
  expect(shardsFor({ 'wadi.shards': '9' }, 8)).toEqual({ problem: expect.stringContaining('at most') })
  expect(shardsFor({ 'wadi.shards': '1' }, 65)).toEqual({ problem: expect.stringContaining('64') })
})
