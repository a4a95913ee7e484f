import { merge, type PartName, type PartResult } from './part.ts'

export type Finished = { readonly part: PartName; readonly result: PartResult }

export type Circumstances = {
  readonly date: string
  /** With the word "dirty" behind it when the tree is not what was committed. */
  readonly commit: string
  readonly seed: number
  /** What was asked for, where that was not everything. */
  readonly only: string | undefined
  /** Wanted, and what it took. */
  readonly minutes: number
  readonly took: number
  readonly machine: string
}

export type ProofReport = {
  readonly markdown: string
  /** 0 when there is nothing to say about any part, otherwise 1. */
  readonly status: 0 | 1
}

const titles: Readonly<Record<PartName, string>> = {
  simulation: 'journal, simulated',
  groups: 'groups, simulated',
  mutants: 'rules removed one at a time',
  exhaustive: 'small worlds, searched whole',
  fuzz: 'malformed input',
  faults: 'DynamoDB and S3 behind a faulty proxy',
  'soak-folder': 'kill -9 and SIGSTOP, on a folder',
  'soak-aws': 'the same, two servers on DynamoDB and S3 (emulated)',
}

/** In the order in which the table tells them. */
const order: readonly PartName[] = [
  'simulation',
  'groups',
  'mutants',
  'exhaustive',
  'fuzz',
  'faults',
  'soak-folder',
  'soak-aws',
]

/** One row for each part that ran, then where and when that was, then what went wrong and how to see it again. */
export const proofReport = (finished: readonly Finished[], circumstances: Circumstances): ProofReport => {
  const results = new Map<PartName, PartResult>()
  for (const { part, result } of finished) {
    const known = results.get(part)
    results.set(part, known ? merge(known, result) : result)
  }
  const rows = order.flatMap((part) => {
    const result = results.get(part)
    return result ? [rowOf(part, result)] : []
  })
  const problems = [...results].flatMap(([part, result]) => result.problems.map((problem) => ({ part, problem })))
  const { date, commit, seed, minutes, took, machine, only } = circumstances
  const asked = `npm run proof -- --minutes ${minutes} --seed ${seed}${only === undefined ? '' : ` --only ${only}`}`
  const lines = [
    '| what | counted | faults by class | anomalies |',
    '|---|---|---|---|',
    ...rows,
    '',
    `${date}, commit ${commit}, \`${asked}\`, ${took} minutes, ${machine}.`,
    ...problems.flatMap(({ part, problem }) => [
      '',
      `**${titles[part]}** (${repeat(part, circumstances)})`,
      '',
      quoted(problem),
    ]),
  ]
  return { markdown: `${lines.join('\n')}\n`, status: problems.length === 0 && rows.length > 0 ? 0 : 1 }
}

const rowOf = (part: PartName, { counted, faults, problems }: PartResult): string => {
  const figures = Object.entries(counted).map(([name, count]) =>
    typeof count === 'number' ? `${told(count)} ${name}` : `${name} ${count}`,
  )
  const byClass = Object.entries(faults)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${told(count)} ${name}`)
  const all = Object.values(faults).reduce((sum, count) => sum + count, 0)
  const sum = byClass.length === 0 ? 'none' : `**${told(all)}**: ${byClass.join(', ')}`
  const cells = [titles[part], figures.join(', '), sum, String(problems.length)]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

const told = (count: number): string => count.toLocaleString('en')

const repeat = (part: PartName, { seed, minutes }: Circumstances): string =>
  `\`npm run proof -- --only ${part} --seed ${seed} --minutes ${minutes}\``

const quoted = (problem: string): string => ['```', problem.trim(), '```'].join('\n')
