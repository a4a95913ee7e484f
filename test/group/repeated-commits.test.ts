import { expect, test } from 'vitest'
import { committed, noOffsets } from '../../lib/group/offsets.ts'

const anHourMs = 3_600_000
const said = { index: 0, offset: 7n, leaderEpoch: 0, metadata: 'm' }
const at = (nowMs: number, seen = noOffsets) => ({ seen, fence: 1, nowMs })

test('a commit that repeats what is there stores nothing for an hour', () => {
  const first = committed(noOffsets, [said], at(1000))
  expect(committed(first, [said], at(2000, first))).toBe(first)
  expect(committed(first, [said], at(1000 + anHourMs, first)).partitions[0]?.committedMs).toBe(1000 + anHourMs)
})

test.each([{ offset: 6n }, { offset: 8n }, { metadata: 'n' }, { leaderEpoch: 1 }])('%o is stored', (change) => {
  const first = committed(noOffsets, [said], at(1000))
  expect(committed(first, [{ ...said, ...change }], at(2000, first)).partitions[0]).toMatchObject(change)
})
