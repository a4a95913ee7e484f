import { setImmediate as turn } from 'node:timers/promises'
import { type Chance, chance } from '../gateway/chance.ts'
import { mutate } from './mutate.ts'
import type { Target } from './target.ts'
import { allTargets } from './targets.ts'

export type FuzzOptions = {
  /** How many inputs; without it and without `untilMs`, a million. */
  readonly inputs?: number
  /** The moment to end at, in milliseconds since 1970. */
  readonly untilMs?: number
  readonly seed: number
  /** Names of targets; all of them when left out. */
  readonly targets?: readonly string[]
  /** Told about once a second. */
  readonly onProgress?: (report: FuzzReport) => void
}

type TargetReport = {
  readonly name: string
  readonly inputs: number
  /** Inputs that were read, mutated or not. */
  readonly accepted: number
  /** Inputs that were refused with an error that the parser documents. */
  readonly refused: number
  /** Of the slowest input, the least of several measurements of the processor's time. */
  readonly slowestMs: number
}

/** An input that did what none may do. */
type Find = {
  readonly target: string
  readonly seed: number
  /** Which input of the target it was. */
  readonly number: number
  readonly hex: string
  readonly what: string
}

export type FuzzReport = {
  readonly inputs: number
  readonly byTarget: readonly TargetReport[]
  readonly finds: readonly Find[]
  /** Of the process, the largest seen. */
  readonly peakRssBytes: number
  /** By how much the process grew beyond what it had with its first inputs made. */
  readonly grownRssBytes: number
}

/** An input may take so much processor time. */
const maxInputMs = 50
/** A run may grow the process by so much. */
const maxGrownBytes = 256 * 1024 * 1024
/** Valid inputs of a target that mutants are made from at a time, and how many mutants are made of them. */
const corpusInputs = 128
const mutantsPerCorpus = 40_000
/** Inputs of a share of 1 in a round; a target runs as many before others have their turn. */
const inputsPerShare = 8
/** Finds of one kind that are told; the rest would say nothing new. */
const maxFindsPerKind = 2
const progressEveryMs = 1000

type Running = {
  readonly target: Target
  readonly index: number
  corpus: readonly Buffer[]
  inputs: number
  accepted: number
  refused: number
  slowestMs: number
}

/** Feeds mutated inputs to all targets in turn. The same seed gives the same inputs. */
export const runFuzz = async ({ inputs, untilMs, seed, targets, onProgress }: FuzzOptions): Promise<FuzzReport> => {
  const wanted = inputs ?? (untilMs === undefined ? 1_000_000 : Number.POSITIVE_INFINITY)
  const running = allTargets
    .map((target, index): Running => ({ target, index, corpus: [], inputs: 0, accepted: 0, refused: 0, slowestMs: 0 }))
    .filter(({ target }) => targets === undefined || targets.includes(target.name))
  if (running.length === 0) throw new Error(`no target is called ${targets?.join(', ')}`)
  const finds = new Map<string, Find[]>()
  const found = (find: Find, kind: string): void => {
    const those = finds.get(kind) ?? []
    finds.set(kind, those)
    if (those.length < maxFindsPerKind) those.push(find)
  }
  for (const one of running) await renewCorpus(one, seed, found)
  let done = 0
  const startRss = process.memoryUsage.rss()
  let peakRss = startRss
  const report = (): FuzzReport => ({
    inputs: done,
    byTarget: running.map(({ target: { name }, inputs, accepted, refused, slowestMs }) => ({
      name,
      inputs,
      accepted,
      refused,
      slowestMs,
    })),
    finds: [...finds.values()].flat(),
    peakRssBytes: peakRss,
    grownRssBytes: peakRss - startRss,
  })
  let toldMs = Date.now()
  while (done < wanted && (untilMs === undefined || Date.now() < untilMs)) {
    for (const one of running) {
      const end = Math.min(one.target.share * inputsPerShare, wanted - done)
      for (let i = 0; i < end; i++) {
        if (one.inputs % mutantsPerCorpus === mutantsPerCorpus - 1) await renewCorpus(one, seed, found)
        const later = step(one, seed, found)
        // Awaiting costs more than most inputs do.
        if (later) await later
      }
      done += end
      // What a failed decompression holds is freed only here.
      await turn()
      const rss = process.memoryUsage.rss()
      if (rss - startRss > maxGrownBytes && peakRss - startRss <= maxGrownBytes) {
        const what = `the process has grown by ${Math.round((rss - startRss) / 2 ** 20)} MiB`
        found({ target: one.target.name, seed, number: one.inputs, hex: '', what }, 'memory')
      }
      peakRss = Math.max(peakRss, rss)
    }
    if (Date.now() - toldMs > progressEveryMs) {
      toldMs = Date.now()
      onProgress?.(report())
    }
  }
  return report()
}

type Found = (find: Find, kind: string) => void

const mixed = (seed: number, index: number, number: number): number =>
  (Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b) ^ Math.imul(number + 1, 0xc2b2ae35)) >>> 0

const renewCorpus = async (one: Running, seed: number, found: Found): Promise<void> => {
  const { target, index, inputs } = one
  const random = chance(mixed(seed + 1, index, inputs))
  const corpus = Array.from({ length: corpusInputs }, () => target.valid(random))
  one.corpus = corpus
  for (const valid of corpus) {
    try {
      await target.check(valid)
    } catch (error) {
      found(findOf(one, seed, valid, `a valid input: ${said(error)}`), `valid ${kindOf(target, error)}`)
    }
  }
}

const step = (one: Running, seed: number, found: Found): Promise<void> | undefined => {
  const random = chance(mixed(seed, one.index, one.inputs))
  const input = mutantOf(one, random)
  const startMs = performance.now()
  try {
    const accepted = one.target.run(input)
    if (typeof accepted !== 'boolean') {
      return accepted.then(
        (later) => settle(one, seed, found, { input, accepted: later, tookMs: performance.now() - startMs }),
        (error: unknown) => failed(one, seed, found, { input, error }),
      )
    }
    return settle(one, seed, found, { input, accepted, tookMs: performance.now() - startMs })
  } catch (error) {
    failed(one, seed, found, { input, error })
    return undefined
  }
}

/** One in twenty stays valid. */
const mutantOf = ({ corpus, target: { repair } }: Running, random: Chance): Buffer => {
  const valid = corpus[random.below(corpus.length)] ?? Buffer.alloc(0)
  if (random.oneIn(20)) return valid
  const mutant = mutate(valid, corpus[random.below(corpus.length)] ?? valid, random)
  return repair && !random.oneIn(4) ? repair(mutant) : mutant
}

type Outcome = { readonly input: Buffer; readonly accepted: boolean; readonly tookMs: number }

const settle = (
  one: Running,
  seed: number,
  found: Found,
  { input, accepted, tookMs }: Outcome,
): Promise<void> | undefined => {
  const count = (slowestMs: number): void => {
    if (slowestMs > maxInputMs) {
      const what = `it takes ${slowestMs.toFixed(0)} ms`
      found(findOf(one, seed, input, what), `slow ${one.target.name}`)
    }
    if (accepted) one.accepted++
    else one.refused++
    one.slowestMs = Math.max(one.slowestMs, slowestMs)
    one.inputs++
  }
  if (tookMs <= Math.max(1, one.slowestMs)) {
    count(0)
    return undefined
  }
  // Others use the machine too: what counts is the processor's time, the least of several.
  return leastMs(one.target, input, tookMs).then(count)
}

const repeats = 3

const leastMs = async ({ run }: Target, input: Buffer, tookMs: number): Promise<number> => {
  let leastMs = tookMs
  for (let i = 0; i < repeats; i++) {
    await turn()
    const startMs = processorMs()
    try {
      await run(input)
    } catch {
      // Told when it was run first, or it is no fault of the input alone.
    }
    leastMs = Math.min(leastMs, processorMs() - startMs)
  }
  return leastMs
}

/** Time in which this process computes. Asking for it costs more than most inputs do. */
const processorMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

const failed = (
  one: Running,
  seed: number,
  found: Found,
  { input, error }: { readonly input: Buffer; readonly error: unknown },
): void => {
  found(findOf(one, seed, input, said(error)), kindOf(one.target, error))
  one.inputs++
}

const findOf = ({ target, inputs }: Running, seed: number, input: Buffer, what: string): Find => ({
  target: target.name,
  seed,
  number: inputs,
  hex: input.toString('hex'),
  what,
})

const said = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))

/** Errors of one name from one place are one find. */
const kindOf = ({ name }: Target, error: unknown): string => {
  const place = said(error)
    .split('\n')
    .find((line) => /^\s+at .*\/(lib|test)\//.test(line) || /^\s+at .*file:/.test(line))
  return `${name} ${error instanceof Error ? error.name : 'thrown'} ${place ?? ''}`
}
