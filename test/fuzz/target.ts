import { isDeepStrictEqual } from 'node:util'
import type { Chance } from '../gateway/chance.ts'

/** Something that reads bytes which may be hostile or damaged. */
export type Target = {
  readonly name: string
  /** How many inputs it gets beside the others: cheap ones get more. */
  readonly share: number
  /** Makes a valid input. */
  readonly valid: (random: Chance) => Buffer
  /** Makes a mutant pass what stands in front of the parser: lengths and checksums. Asked in three of four cases. */
  readonly repair?: (mutant: Buffer) => Buffer
  /**
   * True: accepted. False: refused with an error that the parser documents. Throws what it does not document, and
   * `LawBroken` where what was read cannot be written again.
   */
  readonly run: (input: Buffer) => boolean | Promise<boolean>
  /** Throws unless the valid input is read and comes back as it was. */
  readonly check: (valid: Buffer) => void | Promise<void>
}

export class LawBroken extends Error {
  override readonly name = 'LawBroken'
}

type ErrorClass = abstract new (...given: never[]) => Error

/** Whether the work was done; false where it refused with one of these. */
export const unlessRefused = (refusals: readonly ErrorClass[], work: () => void): boolean => {
  try {
    work()
    return true
  } catch (error) {
    if (refusals.some((refusal) => error instanceof refusal)) return false
    throw error
  }
}

/** The same for work that takes turns. */
export const unlessRefusedLater = async (
  refusals: readonly ErrorClass[],
  work: () => Promise<void>,
): Promise<boolean> => {
  try {
    await work()
    return true
  } catch (error) {
    if (refusals.some((refusal) => error instanceof refusal)) return false
    throw error
  }
}

export const mustBe = (holds: boolean, what: string): void => {
  if (!holds) throw new LawBroken(what)
}

export const mustEqual = (found: unknown, expected: unknown, what: string): void =>
  mustBe(isDeepStrictEqual(found, expected), what)

type CodecTarget<Value> = Pick<Target, 'name' | 'share' | 'valid' | 'repair'> & {
  readonly refusals: readonly ErrorClass[]
  readonly read: (input: Buffer) => Value
  readonly write: (value: Value) => Buffer
}

/** What can be read can be written, and reads as the same again: its second writing is its first. */
export const codecTarget = <Value>({ refusals, read, write, ...target }: CodecTarget<Value>): Target => ({
  ...target,
  run: (input) => {
    let value: Value | undefined
    if (!unlessRefused(refusals, () => (value = read(input)))) return false
    // Reason for `as`: it was assigned, or an error was thrown.
    const written = write(value as Value)
    mustBe(write(read(written)).equals(written), 'what was written reads as something else')
    return true
  },
  check: (valid) => mustBe(write(read(valid)).equals(valid), 'a valid input does not come back as it was'),
})
