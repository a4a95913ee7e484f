/**
 * A condition over one record, such as `value.total > 100 && headers.source == "web"`.
 *
 *   or, ||    and, &&    not, !    == != < <= > >=    contains startsWith endsWith    ( )
 *   key value headers partition offset timestamp, then .name ["name"] [0]    "text" 'text' 1.5 true false null
 *
 * What is not there equals null and compares with nothing. There are no calls and no patterns: the time that it takes
 * follows from its length and that of the record.
 */
export type Where = (record: Readonly<Record<string, unknown>>) => boolean

/** The text is no condition; `position` is where it stops being one. */
export class BadWhere extends Error {
  override readonly name = 'BadWhere'
  readonly position: number

  constructor(message: string, position: number) {
    super(message)
    this.position = position
  }
}

export const maxWhereCharacters = 1000
const maxDepth = 32

type Expression = (record: Readonly<Record<string, unknown>>) => unknown

type Token = {
  readonly kind: 'word' | 'text' | 'number' | 'sign' | 'end'
  readonly text: string
  readonly position: number
}

/** Throws `BadWhere`. */
export const parseWhere = (text: string): Where => {
  const parser = new Parser(tokensOf(text))
  const expression = parser.or(0)
  parser.end()
  return (record) => isTrue(expression(record))
}

const pattern =
  /\s+|(?<word>[A-Za-z_$][\w$]*)|(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<sign>&&|\|\||[=!<>]=|[<>!()[\].])/y

const tokensOf = (text: string): readonly Token[] => {
  const tokens: Token[] = []
  pattern.lastIndex = 0
  while (pattern.lastIndex < text.length) {
    const position = pattern.lastIndex
    const found = pattern.exec(text)
    if (found === null) throw new BadWhere(`${text[position]} is not known here`, position)
    for (const kind of ['word', 'number', 'text', 'sign'] as const) {
      const part = found.groups?.[kind]
      if (part !== undefined) tokens.push({ kind, text: part, position })
    }
  }
  return [...tokens, { kind: 'end', text: 'the end', position: text.length }]
}

const roots = ['key', 'value', 'headers', 'partition', 'offset', 'timestamp']
const comparisons: Readonly<Record<string, (left: unknown, right: unknown) => boolean>> = {
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '<': (left, right) => order(left, right, (sign) => sign < 0),
  '<=': (left, right) => order(left, right, (sign) => sign <= 0),
  '>': (left, right) => order(left, right, (sign) => sign > 0),
  '>=': (left, right) => order(left, right, (sign) => sign >= 0),
  contains: (left, right) =>
    Array.isArray(left) ? left.some((one) => plain(one) === right) : bothTexts(left, right, (a, b) => a.includes(b)),
  startsWith: (left, right) => bothTexts(left, right, (a, b) => a.startsWith(b)),
  endsWith: (left, right) => bothTexts(left, right, (a, b) => a.endsWith(b)),
}

const order = (left: unknown, right: unknown, test: (sign: number) => boolean): boolean => {
  if (typeof left === 'number' && typeof right === 'number') return test(left - right)
  return bothTexts(left, right, (a, b) => test(a < b ? -1 : a > b ? 1 : 0))
}

const bothTexts = (left: unknown, right: unknown, test: (left: string, right: string) => boolean): boolean =>
  typeof left === 'string' && typeof right === 'string' && test(left, right)

/** What is not there is null; a number with more digits than a double has is the nearest double. */
const plain = (value: unknown): unknown => {
  if (value === undefined) return null
  return typeof value === 'object' && value !== null && JSON.isRawJSON(value) ? Number(JSON.stringify(value)) : value
}

const isTrue = (value: unknown): boolean => value !== null && value !== undefined && value !== false

class Parser {
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  or(depth: number): Expression {
    const parts = this.#joined(depth, ['or', '||'], () => this.#and(depth))
    return parts.length === 1 && parts[0] ? parts[0] : (record) => parts.some((part) => isTrue(part(record)))
  }

  end(): void {
    if (this.#token.kind !== 'end') throw this.#wrong('nothing more')
  }

  #and(depth: number): Expression {
    const parts = this.#joined(depth, ['and', '&&'], () => this.#not(depth))
    return parts.length === 1 && parts[0] ? parts[0] : (record) => parts.every((part) => isTrue(part(record)))
  }

  #joined(depth: number, words: readonly string[], part: () => Expression): readonly Expression[] {
    if (depth > maxDepth) throw new BadWhere('there are too many brackets within each other', this.#token.position)
    const parts = [part()]
    while (this.#takes(words)) parts.push(part())
    return parts
  }

  #not(depth: number): Expression {
    let isNegative = false
    while (this.#takes(['not', '!'])) isNegative = !isNegative
    const compared = this.#comparison(depth)
    return isNegative ? (record) => !isTrue(compared(record)) : compared
  }

  #comparison(depth: number): Expression {
    const left = this.#operand(depth)
    const { text, kind } = this.#token
    const compare = kind !== 'text' && Object.hasOwn(comparisons, text) ? comparisons[text] : undefined
    if (compare === undefined) return left
    this.#next += 1
    const right = this.#operand(depth)
    return (record) => compare(plain(left(record)), plain(right(record)))
  }

  #operand(depth: number): Expression {
    const { kind, text } = this.#token
    if (this.#takes(['('])) {
      const inside = this.or(depth + 1)
      this.#require(')')
      return inside
    }
    if (kind === 'number' || kind === 'text') {
      this.#next += 1
      const value = kind === 'number' ? Number(text) : unquoted(text)
      return () => value
    }
    const constants: Readonly<Record<string, unknown>> = { true: true, false: false, null: null }
    if (kind === 'word' && Object.hasOwn(constants, text)) {
      this.#next += 1
      return () => constants[text]
    }
    if (kind !== 'word' || !roots.includes(text)) throw this.#wrong(`one of ${roots.join(', ')}, or a value`)
    return this.#path()
  }

  #path(): Expression {
    const steps: (string | number)[] = [this.#token.text]
    this.#next += 1
    for (;;) {
      if (this.#takes(['.'])) {
        if (this.#token.kind !== 'word') throw this.#wrong('a name')
        steps.push(this.#token.text)
        this.#next += 1
      } else if (this.#takes(['['])) {
        const { kind, text } = this.#token
        if (kind !== 'number' && kind !== 'text') throw this.#wrong('a name in quotes or a number')
        steps.push(kind === 'number' ? Number(text) : unquoted(text))
        this.#next += 1
        this.#require(']')
      } else return (record) => steps.reduce<unknown>(stepInto, record)
    }
  }

  get #token(): Token {
    const token = this.#tokens[this.#next]
    if (token === undefined) throw new Error('the end is a token')
    return token
  }

  #takes(texts: readonly string[]): boolean {
    const { kind, text } = this.#token
    const isTaken = (kind === 'word' || kind === 'sign') && texts.includes(text)
    if (isTaken) this.#next += 1
    return isTaken
  }

  #require(text: string): void {
    if (!this.#takes([text])) throw this.#wrong(text)
  }

  #wrong(wanted: string): BadWhere {
    const { text, position } = this.#token
    return new BadWhere(`there is ${text.slice(0, 50)}, wanted is ${wanted}`, position)
  }
}

/** Own members only. */
const stepInto = (value: unknown, step: string | number): unknown => {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
  return Reflect.get(value, step)
}

const unquoted = (text: string): string => text.slice(1, -1).replace(/\\(.)/gs, '$1')
