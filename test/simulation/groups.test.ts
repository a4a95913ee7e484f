import { expect } from 'vitest'
import { runGroupCampaign } from './campaign.ts'
import { campaignTests } from './campaign-tests.ts'
import { simulateGroup } from './groups-simulate.ts'

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
  'document of a newer version',
]

const faultClasses = [
  'request lost',
  'answer lost',
  'applied late, no answer',
  'applied twice',
  'throttled',
  'slow call',
  'stale read',
  'message lost',
  'message late',
  'abandoned by its client',
  'client crash',
  'client freeze',
  'coordinator crash',
  'coordinator freeze',
  'format not known',
]

campaignTests({
  name: 'simulation of groups',
  titles: {
    sameSeed: 'the same seed gives the same history of a group, byte for byte',
    noAnomaly: 'no history of a group shows an anomaly',
    everyFault: 'every class of fault happened to groups',
    everyPath: 'every rare path of a group was taken',
  },
  histories: { variable: 'WADI_GROUPS_HISTORIES', otherwise: 300 },
  seedVariable: 'WADI_GROUPS_SEED',
  traceFile: (seed) => `wadi-groups-${seed}.txt`,
  simulate: simulateGroup,
  run: runGroupCampaign,
  twice: 3,
  rarePaths,
  expectFaults: (classes) => expect(classes).toEqual(expect.arrayContaining(faultClasses)),
})
