/** One thing that the proof does. It runs in a process of its own. */
export type Part = {
  readonly name: PartName
  readonly run: (task: Task, progress: (line: string) => void) => Promise<PartResult>
}

export const partNames = [
  'soak-folder',
  'soak-aws',
  'mutants',
  'exhaustive',
  'faults',
  'fuzz',
  'groups',
  'simulation',
] as const

export type PartName = (typeof partNames)[number]

export type Task = {
  readonly part: PartName
  /** The same seed and budget do the same again, as far as no real process is involved. */
  readonly seed: number
  /** About how long it may take. Parts of fixed cost that take longer do less. */
  readonly budgetMs: number
  /** There is time for all of what has a fixed cost. */
  readonly isWhole: boolean
}

export type PartResult = {
  /**
   * What was counted, in the order in which it is told. Numbers of several tasks of a part add up, unless their name
   * begins with `longest`, `slowest` or `most`: of these the largest counts.
   */
  readonly counted: Readonly<Record<string, number | string>>
  /** Faults by class. */
  readonly faults: Readonly<Record<string, number>>
  /** Anomalies, survivors, finds: one each, with what repeats it. */
  readonly problems: readonly string[]
}

/** What several tasks of one part came to. */
export const merge = (a: PartResult, b: PartResult): PartResult => {
  const counted: Record<string, number | string> = { ...a.counted }
  for (const [name, more] of Object.entries(b.counted)) counted[name] = joined(name, counted[name], more)
  const faults: Record<string, number> = { ...a.faults }
  for (const [name, count] of Object.entries(b.faults)) faults[name] = (faults[name] ?? 0) + count
  return { counted, faults, problems: [...a.problems, ...b.problems] }
}

const joined = (name: string, one: number | string | undefined, other: number | string): number | string => {
  if (one === undefined) return other
  if (typeof one === 'string' || typeof other === 'string') return one === other ? one : `${one}; ${other}`
  return /^(longest|slowest|most)/.test(name) ? Math.max(one, other) : one + other
}
