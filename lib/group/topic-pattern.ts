/**
 * Regular expressions over topic names, in the syntax of RE2 that Kafka's new protocol promises (KIP-848), or at least the
 * part of it that is of use for names: literals, `.`, classes, groups, `|`, `*`, `+`, `?`, `{n,m}`, `^`, `$`, `\Q…\E`, and
 * `(?i)` in front. They are run as a set of states, one character after the other, so that no pattern takes longer than
 * its length times that of the name; JavaScript's own expressions would try combinations without end.
 */
export type TopicPattern = {
  /** Whether the whole name matches. */
  readonly matches: (name: string) => boolean
}

/** Why this is no pattern. */
export class PatternProblem extends Error {
  override readonly name = 'PatternProblem'
}

const maxPatternCharacters = 1000
/** What a pattern unfolds to, repetitions included. */
const maxInstructions = 1000
/** Groups within groups. */
const maxDepth = 50

type Test = (code: number) => boolean

type Instruction =
  | { readonly op: 'character'; readonly test: Test }
  | { readonly op: 'either'; readonly to: readonly number[] }
  | { readonly op: 'start' | 'end' | 'match' }

/** Throws `PatternProblem`. */
export const topicPattern = (source: string): TopicPattern => {
  if (source.length > maxPatternCharacters) throw new PatternProblem(`at most ${maxPatternCharacters} characters`)
  const ignoreCase = source.startsWith('(?i)')
  const tree = new Parser(ignoreCase ? source.slice(4) : source, ignoreCase).parse()
  const program: Instruction[] = []
  compile(tree, program)
  program.push({ op: 'match' })
  return { matches: (name) => run(program, name) }
}

const run = (program: readonly Instruction[], name: string): boolean => {
  let states = closure(program, [0], 0, name.length)
  for (let position = 0; position < name.length && states.size > 0; position++) {
    const code = name.charCodeAt(position)
    const next: number[] = []
    for (const state of states) {
      const instruction = program[state]
      if (instruction?.op === 'character' && instruction.test(code)) next.push(state + 1)
    }
    states = closure(program, next, position + 1, name.length)
  }
  return states.has(program.length - 1)
}

/** All states that are reached without a character. */
const closure = (program: readonly Instruction[], from: readonly number[], position: number, end: number) => {
  const states = new Set<number>()
  const todo = [...from]
  for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
    if (states.has(state)) continue
    states.add(state)
    const instruction = program[state]
    if (instruction?.op === 'either') todo.push(...instruction.to)
    if (instruction?.op === 'start' && position === 0) todo.push(state + 1)
    if (instruction?.op === 'end' && position === end) todo.push(state + 1)
  }
  return states
}

type Tree =
  | { readonly kind: 'one'; readonly test: Test }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Tree[] }
  | { readonly kind: 'repeat'; readonly of: Tree; readonly least: number; readonly most: number }

const compile = (tree: Tree, program: Instruction[]): void => {
  if (program.length > maxInstructions) throw new PatternProblem('it is too large')
  switch (tree.kind) {
    case 'one':
      program.push({ op: 'character', test: tree.test })
      return
    case 'start':
    case 'end':
      program.push({ op: tree.kind })
      return
    case 'sequence':
      if (tree.parts.length === 0) compileNothing(program)
      for (const part of tree.parts) compile(part, program)
      return
    case 'choice':
      compileChoice(tree.parts, program)
      return
    case 'repeat':
      compileRepeat(tree, program)
  }
}

/** Nothing takes a place too, so that repeating it comes to an end. */
const compileNothing = (program: Instruction[]): void => {
  program.push({ op: 'either', to: [program.length + 1] })
}

const compileChoice = (parts: readonly Tree[], program: Instruction[]): void => {
  const fork = program.push({ op: 'either', to: [] }) - 1
  const starts: number[] = []
  const ends: number[] = []
  for (const part of parts) {
    starts.push(program.length)
    compile(part, program)
    ends.push(program.push({ op: 'either', to: [] }) - 1)
  }
  program[fork] = { op: 'either', to: starts }
  for (const end of ends) program[end] = { op: 'either', to: [program.length] }
}

const compileRepeat = ({ of, least, most }: Tree & { readonly kind: 'repeat' }, program: Instruction[]): void => {
  if (most === 0) compileNothing(program)
  for (let i = 0; i < least; i++) compile(of, program)
  const forks: number[] = []
  const optional = Number.isFinite(most) ? most - least : 1
  for (let i = 0; i < optional; i++) {
    forks.push(program.push({ op: 'either', to: [] }) - 1)
    compile(of, program)
  }
  if (!Number.isFinite(most)) program.push({ op: 'either', to: [forks[0] ?? 0] })
  for (const fork of forks) program[fork] = { op: 'either', to: [fork + 1, program.length] }
}

const digit: Test = (code) => code >= 48 && code <= 57
const space: Test = (code) => code === 32 || (code >= 9 && code <= 13)
const wordCharacter: Test = (code) =>
  digit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95
const not =
  (test: Test): Test =>
  (code) =>
    !test(code)

const classes: Readonly<Record<string, Test>> = {
  d: digit,
  D: not(digit),
  s: space,
  S: not(space),
  w: wordCharacter,
  W: not(wordCharacter),
}

/** One character after the other; every group goes one call deeper. */
class Parser {
  readonly #source: string
  readonly #ignoreCase: boolean
  #position = 0
  #depth = 0

  constructor(source: string, ignoreCase: boolean) {
    this.#source = source
    this.#ignoreCase = ignoreCase
  }

  parse(): Tree {
    const tree = this.#choice()
    if (this.#position < this.#source.length) throw new PatternProblem('a ")" without "("')
    return tree
  }

  #choice(): Tree {
    if (++this.#depth > maxDepth) throw new PatternProblem(`groups deeper than ${maxDepth}`)
    const parts = [this.#sequence()]
    while (this.#take('|')) parts.push(this.#sequence())
    this.#depth--
    const [only] = parts
    return only !== undefined && parts.length === 1 ? only : { kind: 'choice', parts }
  }

  #sequence(): Tree {
    const parts: Tree[] = []
    while (this.#position < this.#source.length && !this.#sees('|') && !this.#sees(')')) {
      if (this.#take('\\Q')) parts.push(...this.#quoted())
      else parts.push(this.#repeated(this.#atom()))
    }
    return { kind: 'sequence', parts }
  }

  #quoted(): readonly Tree[] {
    const end = this.#source.indexOf('\\E', this.#position)
    const text = this.#source.slice(this.#position, end < 0 ? undefined : end)
    this.#position = end < 0 ? this.#source.length : end + 2
    return [...text].map((character) => this.#literal(character))
  }

  #repeated(of: Tree): Tree {
    const bounds = this.#bounds()
    if (bounds === undefined) return of
    // A lazy repetition matches the same names.
    this.#take('?')
    if (this.#bounds() !== undefined) throw new PatternProblem('a repetition of a repetition')
    return { kind: 'repeat', of, ...bounds }
  }

  #bounds(): { readonly least: number; readonly most: number } | undefined {
    if (this.#take('*')) return { least: 0, most: Number.POSITIVE_INFINITY }
    if (this.#take('+')) return { least: 1, most: Number.POSITIVE_INFINITY }
    if (this.#take('?')) return { least: 0, most: 1 }
    const found = /^\{(\d{1,4})(,?)(\d{0,4})\}/.exec(this.#source.slice(this.#position))
    if (found === null) return undefined
    this.#position += found[0].length
    const least = Number(found[1])
    const most = found[3] !== '' ? Number(found[3]) : found[2] === ',' ? Number.POSITIVE_INFINITY : least
    if (most < least || (Number.isFinite(most) ? most : least) > maxInstructions) {
      throw new PatternProblem(`it cannot repeat ${found[0]}`)
    }
    return { least, most }
  }

  #atom(): Tree {
    if (this.#take('(')) return this.#group()
    if (this.#take('[')) return { kind: 'one', test: this.#class() }
    if (this.#take('.')) return { kind: 'one', test: () => true }
    if (this.#take('^')) return { kind: 'start' }
    if (this.#take('$')) return { kind: 'end' }
    if (this.#take('\\')) return { kind: 'one', test: this.#escape() }
    const character = this.#next()
    if ('*+?'.includes(character)) throw new PatternProblem(`nothing to repeat before "${character}"`)
    return this.#literal(character)
  }

  #group(): Tree {
    if (this.#sees('?') && !this.#take('?:') && !this.#takeName())
      throw new PatternProblem('only (…) and (?:…) are groups')
    const tree = this.#choice()
    if (!this.#take(')')) throw new PatternProblem('a "(" without ")"')
    return tree
  }

  #takeName(): boolean {
    const found = /^\?P?<\w+>/.exec(this.#source.slice(this.#position))
    this.#position += found?.[0].length ?? 0
    return found !== null
  }

  #literal(character: string): Tree {
    return { kind: 'one', test: this.#same(character) }
  }

  #same(character: string): Test {
    const codes = this.#ignoreCase ? [character.toLowerCase(), character.toUpperCase()] : [character]
    const [first, second = first] = codes.map((one) => one.charCodeAt(0))
    return (code) => code === first || code === second
  }

  #escape(): Test {
    const character = this.#next()
    const known = classes[character]
    if (known !== undefined) return known
    // `\b`, `\1`, `\p{…}` and the like mean something that is not here.
    if (/[a-zA-Z0-9]/.test(character)) throw new PatternProblem(`"\\${character}" is not supported`)
    return this.#same(character)
  }

  #class(): Test {
    const negated = this.#take('^')
    // A bracket that comes first stands for itself.
    const tests: Test[] = this.#take(']') ? [this.#same(']')] : []
    while (!this.#take(']')) {
      if (this.#sees('[:')) throw new PatternProblem('named classes are not supported')
      tests.push(this.#member())
    }
    const test: Test = (code) => tests.some((one) => one(code))
    return negated ? not(test) : test
  }

  /** One character of a class, or a range of them. */
  #member(): Test {
    const low = this.#next()
    if (low === '\\') return this.#escape()
    if (!this.#sees('-') || this.#source[this.#position + 1] === ']') return this.#same(low)
    this.#next()
    const high = this.#next()
    if (high === '\\' || high < low) throw new PatternProblem(`"${low}-${high}" is no range`)
    const inside: Test = (code) => code >= low.charCodeAt(0) && code <= high.charCodeAt(0)
    return this.#ignoreCase ? eitherCase(inside) : inside
  }

  #sees(text: string): boolean {
    return this.#source.startsWith(text, this.#position)
  }

  #take(text: string): boolean {
    const there = this.#sees(text)
    if (there) this.#position += text.length
    return there
  }

  #next(): string {
    const character = this.#source[this.#position]
    if (character === undefined) throw new PatternProblem('it ends too early')
    this.#position++
    return character
  }
}

const eitherCase =
  (test: Test): Test =>
  (code) =>
    [String.fromCharCode(code).toLowerCase(), String.fromCharCode(code).toUpperCase()].some((one) =>
      test(one.charCodeAt(0)),
    )
