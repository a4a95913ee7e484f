import { expect } from 'vitest'
import { runCampaign } from './campaign.ts'
import { campaignTests } from './campaign-tests.ts'
import { simulate } from './simulate.ts'

const rarePaths = [
  'own row recognised',
  'conflict applied',
  'conflict while not fresh',
  'floor check passed',
  'floor check failed',
  'loaded from a checkpoint',
  'loaded again',
  'duplicate answered',
  'object not found, then found',
  'orphan swept',
  'flushed or merged object swept',
  'old checkpoint swept',
  'ticket too low, uploaded again',
  'late put into a truncated slot',
  'conflict in a truncated slot',
  'query shows a truncated row',
  'a writer flushes',
  'checkpoint with inline bytes',
  'flush of a part of the tail',
  'offset out of range',
  'producer gave a batch up',
  'row: rewrite',
  'row: trim',
  'row truncated',
  'lead: something',
  'row of a newer version',
  'deployed: older',
  'refused: DUPLICATE_SEQUENCE_NUMBER',
  'refused: FENCED_LEADER_EPOCH',
  'refused: OUT_OF_ORDER_SEQUENCE_NUMBER',
]

const faultClasses = [
  'request lost',
  'answer lost',
  'applied late, no answer',
  'applied twice',
  'throttled',
  'slow call',
  'slow upload',
  'stale read',
  'read with holes',
  'page split',
  'crash',
  'freeze',
  'wrong clock',
  'abandoned by its client',
  'format not known',
  'upkeep off',
]

campaignTests({
  name: 'simulation',
  titles: {
    sameSeed: 'the same seed gives the same history, byte for byte',
    noAnomaly: 'no history shows an anomaly',
    everyFault: 'every class of fault happened, and no other',
    everyPath: 'every rare path was taken',
  },
  histories: { variable: 'WADI_SIMULATION_HISTORIES', otherwise: 600 },
  seedVariable: 'WADI_SIMULATION_SEED',
  traceFile: (seed) => `wadi-simulation-${seed}.txt`,
  simulate,
  run: runCampaign,
  twice: 5,
  rarePaths,
  expectFaults: (classes) => expect(classes.toSorted()).toEqual(faultClasses.toSorted()),
})
