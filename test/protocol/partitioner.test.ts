import fc from 'fast-check'
import { Partitioners } from 'kafkajs'
import { expect, test } from 'vitest'
import { murmur2, partitionOfKey } from '../../lib/protocol/partitioner.ts'

const kafkajs = Partitioners.DefaultPartitioner()
const partitionMetadata = Array.from({ length: 7 }, (_, partitionId) => ({
  partitionErrorCode: 0,
  partitionId,
  leader: 1,
  replicas: [1],
  isr: [1],
}))

test('a key has the partition that KafkaJS gives it', () => {
  const keys = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(keys, (key) => {
      const message = { key, value: null }
      expect(partitionOfKey(key, 7)).toBe(kafkajs({ topic: 'orders', partitionMetadata, message }))
    }),
    { numRuns: 500 },
  )
})

// Of Kafka's own test of Utils.murmur2.
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of %s is %i', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash)
})
