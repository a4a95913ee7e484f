import type { Rules } from '../../lib/journal/journal.ts'
import type { Removal } from './exhaustive-mutants.ts'
import { Processes, type Task } from './exhaustive-process.ts'
import { keyOf, type Step, Steps, type World } from './exhaustive-world.ts'

/** Who does what, and under which rules. */
export type Model = {
  readonly processes: Readonly<Record<string, readonly Task[]>>
  readonly rules: Rules
  /** How often time may pass. */
  readonly maxTime: number
  readonly objectsStay: boolean
}

/** States visited at most, where nothing else is said: a search that is not complete by then says so. */
const enoughStates = 400_000

/** Everything that the model can do. */
export const exhaust = (model: Model, maxStates = enoughStates): Promise<Found> => {
  const processes = new Processes(model.processes, model.rules, same, same)
  return search(new Steps(processes, { ...model, strict: true, inOneGo: false }), maxStates)
}

/** The shortest way in which a model without one of its rules goes wrong for somebody. */
export const counterexample = (model: Model, removal: Removal = {}): Promise<Found> => {
  const processes = new Processes(model.processes, model.rules, removal.lie ?? same, removal.workLie ?? same)
  return search(new Steps(processes, { ...model, strict: false, inOneGo: true }), enoughStates)
}

const same = <Thing>(thing: Thing): Thing => thing

export type Found = {
  readonly states: number
  /** The most steps from the start to a state. */
  readonly depth: number
  /** Every state that can be reached was. */
  readonly isComplete: boolean
  /** The shortest way to something that must not be, step by step. */
  readonly story: readonly string[] | undefined
}

/** Visits the worlds that can be reached, nearest first, until something is violated or there are enough. */
const search = async (steps: Steps, maxStates: number): Promise<Found> => {
  const first = steps.first()
  const seen = new Set([keyOf(first)])
  const parents = [-1]
  /** Which of its parent's steps led to a world. */
  const ordinals = [-1]
  let level: { readonly world: World; readonly number: number }[] = [{ world: first, number: 0 }]
  const storyOf = async (from: number, last: Step): Promise<readonly string[]> => {
    const way: number[] = []
    for (let at = from; at > 0; at = parents[at] ?? 0) way.unshift(ordinals[at] ?? 0)
    const story: string[] = []
    let world = first
    for (const ordinal of way) {
      const step = (await steps.from(world))[ordinal]
      if (step === undefined) throw new Error('the same world has the same steps')
      story.push(step.says())
      world = step.to
    }
    return [...story, last.says(), `✗ ${last.violation}`]
  }
  for (let depth = 0; ; depth++) {
    const next: typeof level = []
    for (const { world, number } of level) {
      for (const [ordinal, step] of (await steps.from(world)).entries()) {
        if (step.violation !== undefined) {
          return { states: seen.size, depth: depth + 1, isComplete: false, story: await storyOf(number, step) }
        }
        const key = keyOf(step.to)
        if (seen.has(key)) continue
        seen.add(key)
        next.push({ world: step.to, number: parents.length })
        parents.push(number)
        ordinals.push(ordinal)
      }
      if (seen.size >= maxStates) return { states: seen.size, depth, isComplete: false, story: undefined }
    }
    if (next.length === 0) return { states: seen.size, depth, isComplete: true, story: undefined }
    level = next
  }
}

/** One line. */
export const summaryOf = (name: string, { states, depth, isComplete }: Found): string =>
  `${name}: ${states.toLocaleString('en')} states, ${depth} steps deep, ${isComplete ? 'complete' : 'not complete'}`
