import { expect, test } from 'vitest'
import { formerPartitions, type Topic, withPartitions } from '../../lib/log/topic.ts'

const topic: Topic = { name: 't', id: 'topicAAAAAAAAAAAAAAAAA', partitions: 2, shards: 2, configs: {} }

test('a topic remembers how many partitions it had, and since when it has others', () => {
  const grown = withPartitions(withPartitions(topic, 5, 1000), 7, 2000)
  expect(grown.partitions).toBe(7)
  expect(formerPartitions(grown, 0)).toEqual([5, 2])
  expect(formerPartitions(grown, 2000)).toEqual([5])
  expect(formerPartitions(grown, 2001)).toEqual([])
  expect(formerPartitions(topic, 0)).toEqual([])
})

test('a change that is repeated or comes late changes nothing', () => {
  const grown = withPartitions(topic, 5, 1000)
  expect(withPartitions(grown, 5, 2000)).toBe(grown)
  expect(withPartitions(grown, 3, 2000)).toBe(grown)
})

test('however often a topic grows, its document stays small', () => {
  let grown = topic
  for (let partitions = 3; partitions <= 128; partitions++) grown = withPartitions(grown, partitions, partitions)
  expect(formerPartitions(grown, 0)).toEqual(Array.from({ length: 16 }, (_, i) => 127 - i))
})
