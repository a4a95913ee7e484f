import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Campaign, type CampaignOptions, reportOf, summaryOf } from './campaign.ts'
import type { Outcome } from './outcome.ts'

/** What is tested of a simulation, whatever it is about. */
export type Suite = {
  readonly name: string
  readonly titles: {
    readonly sameSeed: string
    readonly noAnomaly: string
    readonly everyFault: string
    readonly everyPath: string
  }
  /** How many histories a run has, and the variable that says otherwise. */
  readonly histories: { readonly variable: string; readonly otherwise: number }
  /** With this variable there is one history, and its trace goes into a file. */
  readonly seedVariable: string
  readonly traceFile: (seed: string) => string
  readonly simulate: (seed: number, options: { readonly isTraced: boolean }) => Promise<Outcome>
  readonly run: (options: CampaignOptions) => Promise<Campaign>
  /** Seeds whose histories are made twice. */
  readonly twice: number
  /** Each of these is a place where a mistake would hide. */
  readonly rarePaths: readonly string[]
  /** Expects something of the classes of faults that happened. */
  readonly expectFaults: (classes: readonly string[]) => void
}

const perHistoryMs = 500
const determinismMs = 120_000
/** Of a path that is taken once in so many histories or more often, a run that misses it is no accident. */
const historiesPerHit = 100

export const campaignTests = ({ name, titles, simulate, run, twice, rarePaths, ...suite }: Suite): void => {
  const histories = Number(process.env[suite.histories.variable] ?? suite.histories.otherwise)
  const wanted = process.env[suite.seedVariable]
  const firstSeed = wanted === undefined ? Date.now() >>> 0 : Number(wanted)
  let campaign: Campaign | undefined

  test.skipIf(wanted !== undefined)(
    titles.sameSeed,
    async () => {
      for (let seed = firstSeed; seed < firstSeed + twice; seed++) {
        const [first, second] = [await simulate(seed, { isTraced: true }), await simulate(seed, { isTraced: true })]
        expect(first.trace.length).toBeGreaterThan(100)
        expect(second.trace.join('\n')).toBe(first.trace.join('\n'))
      }
    },
    determinismMs,
  )

  test(
    titles.noAnomaly,
    async () => {
      campaign = await run({ firstSeed, histories: wanted === undefined ? histories : 1 })
      process.stdout.write(`${name}: ${summaryOf(campaign)}, seeds from ${firstSeed}\n`)
      if (wanted !== undefined) {
        const file = join(tmpdir(), suite.traceFile(wanted))
        await writeFile(file, (await simulate(firstSeed, { isTraced: true })).trace.join('\n'))
        process.stdout.write(`its trace is in ${file}\n`)
      }
      expect(reportOf(campaign, suite.seedVariable)).toBe('')
    },
    60_000 + histories * perHistoryMs,
  )

  test.skipIf(wanted !== undefined || histories < historiesPerHit)(titles.everyFault, () => {
    suite.expectFaults(Object.keys(campaign?.faults ?? {}))
  })

  test.skipIf(wanted !== undefined)(titles.everyPath, () => {
    const least = Math.floor(histories / historiesPerHit)
    const taken = (path: string): number => campaign?.rarePaths[path] ?? 0
    const missed = rarePaths.filter((path) => taken(path) < least)
    expect(missed.map((path) => `${path}: ${taken(path)} of ${least}`)).toEqual([])
  })
}
