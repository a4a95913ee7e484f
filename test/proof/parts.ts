import { runFuzz } from '../fuzz/fuzz.ts'
import { type Campaign, type CampaignOptions, faultsOf, runCampaign, runGroupCampaign } from '../simulation/campaign.ts'
import { journalModels, largeJournalModels, largeObjectModels, objectModels } from '../simulation/exhaustive-models.ts'
import { exhaust } from '../simulation/exhaustive-search.ts'
import { mutants } from '../simulation/mutants.ts'
import { Tally } from '../simulation/paths.ts'
import { appendWithFaults, faultRuns } from './aws-faults.ts'
import type { Part, PartName } from './part.ts'
import { type SoakReport, soak } from './soak.ts'
import type { StoreKind } from './soak-store.ts'

const progressEveryMs = 10_000

/** Says no more than a line now and then. */
const seldom = (say: (line: string) => void): ((line: () => string) => void) => {
  let toldMs = performance.now()
  return (line) => {
    if (performance.now() - toldMs < progressEveryMs) return
    toldMs = performance.now()
    say(line())
  }
}

/** Histories until the time is up, at least one. */
const campaign = (name: PartName, run: (options: CampaignOptions) => Promise<Campaign>, variable: string): Part => ({
  name,
  run: async ({ seed, budgetMs }, progress) => {
    const tell = seldom(progress)
    const { faults, ...counts } = await run({
      firstSeed: seed,
      untilMs: Date.now() + budgetMs,
      onProgress: (soFar) =>
        tell(() => `${soFar.histories} histories, ${faultsOf(soFar)} faults, ${soFar.anomalies.length} anomalies`),
    })
    const counted = {
      histories: counts.histories,
      operations: counts.operations,
      'virtual hours': Math.round(counts.virtualHours),
      'rare paths taken': Object.values(counts.rarePaths).reduce((sum, count) => sum + count, 0),
    }
    const problems = counts.anomalies.map((one) => `${variable}=${one.seed}: ${one.class}: ${one.detail}`)
    return { counted, faults, problems }
  },
})

/** A mutant that lives through so many histories has survived. */
const maxHistories = 3000
const firstMutantSeed = 7_000_000

const mutantsPart: Part = {
  name: 'mutants',
  run: async ({ seed, budgetMs, isWhole }, progress) => {
    const endMs = performance.now() + budgetMs
    const histories: number[] = []
    const problems: string[] = []
    let [killed, states, tried] = [0, 0, 0]
    // Where there is no time for all, other ones have their turn with another seed.
    const first = isWhole ? 0 : seed % mutants.length
    for (const { name, removes, hunt } of [...mutants.slice(first), ...mutants.slice(0, first)]) {
      if (!isWhole && performance.now() > endMs) break
      tried += 1
      const death = await hunt({ maxHistories, firstSeed: firstMutantSeed })
      progress(`${name} ${death.killedBy === undefined ? 'LIVES' : `dies of ${death.killedBy.split('\n')[0]}`}`)
      if (death.killedBy === undefined) problems.push(`${name} lives: nobody minds whether ${removes}`)
      else killed += 1
      if (death.histories !== undefined) histories.push(death.histories)
      states += death.states ?? 0
    }
    const median = histories.toSorted((a, b) => a - b)[Math.floor(histories.length / 2)] ?? 0
    const counted = {
      [`of ${tried} mutants killed`]: killed,
      ...(tried < mutants.length && { 'more, for which there was no time': mutants.length - tried }),
      'histories to kill one in simulation (median)': median,
      'states of models searched for the others': states,
    }
    return { counted, faults: {}, problems }
  },
}

/** Of a model that is too large to be searched whole. */
const maxLargeStates = 1_000_000
const maxTinyStates = 20_000

const exhaustivePart: Part = {
  name: 'exhaustive',
  run: async ({ isWhole }, progress) => {
    const small = { ...journalModels, ...objectModels }
    const models = Object.entries(isWhole ? { ...small, ...largeJournalModels, ...largeObjectModels } : small)
    const problems: string[] = []
    let [states, complete, deepest] = [0, 0, 0]
    for (const [name, model] of models) {
      const found = await exhaust(model, isWhole ? maxLargeStates : maxTinyStates)
      progress(`${name}: ${found.states} states`)
      states += found.states
      if (found.isComplete) complete += 1
      deepest = Math.max(deepest, found.depth)
      if (found.story !== undefined) problems.push(`${name}:\n${found.story.join('\n')}`)
    }
    const counted = { states, [`of ${models.length} models searched to the end`]: complete, 'steps deep': deepest }
    return { counted, faults: {}, problems }
  },
}

const fuzzPart: Part = {
  name: 'fuzz',
  run: async ({ seed, budgetMs }, progress) => {
    const tell = seldom(progress)
    const report = await runFuzz({
      seed,
      untilMs: Date.now() + budgetMs,
      onProgress: ({ inputs, finds }) => tell(() => `${inputs} inputs, ${finds.length} finds`),
    })
    const sum = (count: 'accepted' | 'refused') => report.byTarget.reduce((total, target) => total + target[count], 0)
    const slowestMs = Math.max(...report.byTarget.map((target) => target.slowestMs))
    const counted = {
      inputs: report.inputs,
      targets: String(report.byTarget.length),
      'that could be read all the same': sum('accepted'),
      'that were refused': sum('refused'),
      'slowest ms': Math.round(slowestMs),
      'most MiB that a process grew': Math.round(report.grownRssBytes / 2 ** 20),
    }
    const problems = report.finds.map((find) => `${find.target}, seed ${find.seed}: ${find.what}\n${find.hex}`)
    return { counted, faults: {}, problems }
  },
}

/** What one append takes here with a third of all answers dropped, and the share of the time that these get. */
const msPerAppend = 43
const minAppends = 30

const faultsPart: Part = {
  name: 'faults',
  run: async ({ seed, budgetMs }, progress) => {
    const dropped = Math.max(minAppends, Math.round(budgetMs / msPerAppend))
    const few = Math.max(minAppends, Math.round(dropped / 10))
    const appends = { none: few, everything: few, dropped }
    const faults = new Tally()
    const problems: string[] = []
    const counted: Record<string, number | string> = {}
    for (const name of ['none', 'everything', 'dropped'] as const) {
      const rates = faultRuns[name]
      const say = (line: string) => progress(`${name}: ${line}`)
      const report = await appendWithFaults({ appends: appends[name], rates, seed, progress: say })
      counted[faultTitles[name]] = `${report.applicationsPerAppend.toFixed(3)} (${report.appends} appends)`
      faults.add(report.faults)
      problems.push(...report.problems)
    }
    return { counted, faults: Object.fromEntries(faults.counts), problems }
  },
}

const faultTitles = {
  none: 'applications per append without faults',
  everything: 'with 54 % of requests at fault in seven ways',
  dropped: 'with 30 % of answers dropped',
} as const

/** What a kill takes with all that belongs to it: its pauses, its records, and the reading at the end. */
const msPerKill = { folder: 2400, aws: 3000 } as const
const recordsPerKill = 500
const minKills = 3

const soakPart = (store: StoreKind): Part => ({
  name: `soak-${store}`,
  run: async ({ seed, budgetMs, isWhole }, progress) => {
    const kills = Math.max(minKills, Math.round(budgetMs / msPerKill[store]))
    const size = { kills, pauses: Math.ceil(kills / 2), records: kills * recordsPerKill, maxMs: budgetMs * 2 }
    return resultOf(await soak({ store, seed, ...size, everybody: isWhole, progress }))
  },
})

const resultOf = (report: SoakReport) => {
  const { recoveryMs, tries, indeterminate } = report
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
  return {
    counted: {
      'records acknowledged': report.acknowledged,
      'in the log': report.records,
      lost: report.lost,
      'twice of idempotent producers': report.twice,
      'from a kill to the next answer': `p50 ${seconds(recoveryMs.p50)}, p99 ${seconds(recoveryMs.p99)}, most ${seconds(recoveryMs.most)}`,
      'longest wait for an answer': seconds(report.longestWaitMs),
      'requests without a certain answer': `${((100 * indeterminate) / Math.max(1, tries)).toFixed(1)} % of ${tries}`,
      'looks at what groups had committed': report.looksAtCommits,
      producers: report.producers.join(', '),
    },
    faults: {
      'kill -9': report.kills,
      'SIGSTOP and SIGCONT': report.pauses,
      'kill -9 of consumers': report.killsOfConsumers,
    },
    problems: report.problems.map((problem) => `seed ${report.seed}: ${problem}`),
  }
}

export const parts: readonly Part[] = [
  campaign('simulation', runCampaign, 'WADI_SIMULATION_SEED'),
  campaign('groups', runGroupCampaign, 'WADI_GROUPS_SEED'),
  mutantsPart,
  exhaustivePart,
  fuzzPart,
  faultsPart,
  soakPart('folder'),
  soakPart('aws'),
]
