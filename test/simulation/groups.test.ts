import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seedsFrom } from './campaign.ts'
import { type GroupCampaign, groupReportOf, groupSummaryOf, runGroupCampaign } from './groups-campaign.ts'
import { simulateGroup } from './groups-simulate.ts'

const histories = Number(process.env['WADI_GROUPS_HISTORIES'] ?? 300)
const wanted = process.env['WADI_GROUPS_SEED']
const firstSeed = wanted === undefined ? Date.now() >>> 0 : Number(wanted)
const perHistoryMs = 500

/** Seeds that failed once. */
const formerlyFailing: readonly number[] = [1_001_440, 1_003_440, 2_001_775, 2_002_349, 4_000_985]

test.skipIf(wanted !== undefined)('the same seed gives the same history of a group, byte for byte', async () => {
  for (const seed of seedsFrom(firstSeed, 3)) {
    const [first, second] = [
      await simulateGroup(seed, { isTraced: true }),
      await simulateGroup(seed, { isTraced: true }),
    ]
    expect(first.trace.length).toBeGreaterThan(100)
    expect(second.trace.join('\n')).toBe(first.trace.join('\n'))
  }
})

test.skipIf(wanted !== undefined)('seeds of groups that failed once do not fail again', async () => {
  expect(groupReportOf((await runGroupCampaign(formerlyFailing)).failed)).toBe('')
})

let campaign: GroupCampaign | undefined

test(
  'no history of a group shows an anomaly',
  async () => {
    campaign = await runGroupCampaign(seedsFrom(firstSeed, wanted === undefined ? histories : 1))
    process.stdout.write(`${groupSummaryOf(campaign)}, seeds from ${firstSeed}\n`)
    if (wanted !== undefined) {
      const file = join(tmpdir(), `wadi-groups-${wanted}.txt`)
      await writeFile(file, (await simulateGroup(firstSeed, { isTraced: true })).trace.join('\n'))
      process.stdout.write(`its trace is in ${file}\n`)
    }
    expect(groupReportOf(campaign.failed)).toBe('')
  },
  60_000 + histories * perHistoryMs,
)

/** Each of these is a place where a mistake would hide. */
const rarePaths = [
  'offsets reset by an administrator',
  'offsets deleted by an administrator',
  'commit: ILLEGAL_GENERATION',
  'commit: UNKNOWN_MEMBER_ID',
  'commit: STALE_MEMBER_EPOCH',
  'commit: REQUEST_TIMED_OUT',
  'heartbeat: REBALANCE_IN_PROGRESS',
  'heartbeat: UNKNOWN_MEMBER_ID',
  'heartbeat: FENCED_INSTANCE_ID',
  'heartbeat: UNRELEASED_INSTANCE_ID',
  'join: COORDINATOR_LOAD_IN_PROGRESS',
  'sync: REBALANCE_IN_PROGRESS',
  'fence written by a fetch',
  'commit of a client that was taken for dead',
]

/** Of a path that is taken this often in three hundred histories, a run that misses it is no accident. */
const historiesPerHit = 100

test.skipIf(wanted !== undefined)('every rare path of a group was taken', () => {
  const least = Math.floor(histories / historiesPerHit)
  const missed = rarePaths.filter((path) => (campaign?.tally.count(path) ?? 0) < least)
  expect(missed.map((path) => `${path}: ${campaign?.tally.count(path)} of ${least}`)).toEqual([])
})
