import { Random } from '../simulation/random.ts'
import { type PartName, partNames, type Task } from './part.ts'

/** A task, and whether it goes on for as long as there is time when its turn comes. */
export type Planned = Task & { readonly takesTheRest: boolean }

/** How many tasks run at once, each in a process with a core for itself. */
export const workers = 2

/** Of the time of one worker. What has a fixed cost mostly takes less, and the simulation gets the rest. */
const shares: Readonly<Record<PartName, number>> = {
  'soak-folder': 0.16,
  'soak-aws': 0.2,
  mutants: 0.35,
  exhaustive: 0.2,
  faults: 0.12,
  fuzz: 0.2,
  groups: 0.15,
  simulation: 0.62,
}

/** In so many tasks with seeds of their own. */
const tasksOf: Partial<Readonly<Record<PartName, number>>> = { fuzz: 2, groups: 2, simulation: 2 }

/** With this much time a part does all that it can do. */
const wholeMs: Partial<Readonly<Record<PartName, number>>> = {
  mutants: 12 * 60_000,
  exhaustive: 4 * 60_000,
  'soak-folder': 60_000,
  'soak-aws': 60_000,
}

export type Wanted = { readonly minutes: number; readonly seed: number; readonly only: readonly PartName[] }

/** What is to be run in about so many minutes, in the order in which it is begun. */
export const plan = ({ minutes, seed, only }: Wanted): readonly Planned[] => {
  const sum = only.reduce((total, part) => total + shares[part], 0)
  return partNames
    .filter((part) => only.includes(part))
    .flatMap((part) => {
      const count = tasksOf[part] ?? 1
      const share = Math.min(1, (shares[part] * workers) / sum / count)
      const budgetMs = Math.round(minutes * 60_000 * share)
      const isWhole = budgetMs >= (wholeMs[part] ?? 0)
      return Array.from({ length: count }, (_, task) => ({
        ...{ part, budgetMs, isWhole, takesTheRest: part === 'simulation' },
        seed: new Random(seed + partNames.indexOf(part) * seedsPerPart + task).int(2 ** 31),
      }))
    })
}

const seedsPerPart = 1000

/** Names of parts; `soak` means both of them. Throws for a name that is none. */
export const partsNamed = (text: string): readonly PartName[] =>
  text.split(',').flatMap((name) => {
    const found = partNames.filter((part) => part === name || part.startsWith(`${name}-`))
    if (found.length === 0) throw new Error(`there is no part "${name}": ${partNames.join(', ')}`)
    return found
  })
