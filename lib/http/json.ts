import { HttpProblem } from './http-problem.ts'
import { jsonErrorIn } from './json-error.ts'

declare global {
  // Reason: TypeScript's library for ES2024 does not know of these yet (ECMAScript: JSON.parse source text access).
  interface JSON {
    rawJSON(text: string): unknown
    isRawJSON(value: unknown): boolean
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown
  }
}

/** Objects and arrays within each other. */
const maxDepth = 32

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text, or undefined when the bytes are not UTF-8. */
export const textOf = (bytes: Buffer): string | undefined => {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** The one JSON value of a body. Throws a problem that names the position of what is wrong. */
export const parseJson = (bytes: Buffer): unknown => {
  const texts = jsonTexts(requiredText(bytes))
  const [first] = texts
  if (first === undefined) throw malformed('The body is empty, it should be JSON', 0)
  if (texts[1]) throw malformed('Something follows the JSON value', texts[1].start)
  return parseAt(first)
}

/** JSON values one after the other, with or without white space between: also what NDJSON is. */
export const parseJsonSequence = (bytes: Buffer, maxValues: number): readonly unknown[] => {
  const texts = jsonTexts(requiredText(bytes))
  if (texts.length > maxValues) {
    const detail = `There are ${texts.length} JSON values, at most ${maxValues} may be.`
    throw new HttpProblem('TOO_LARGE', detail, { hint: `Send batches of at most ${maxValues}.` })
  }
  return texts.map(parseAt)
}

const requiredText = (bytes: Buffer): string => {
  const text = textOf(bytes)
  if (text === undefined) throw new HttpProblem('INVALID_REQUEST', 'The body is not UTF-8.')
  return text.startsWith('\ufeff') ? ` ${text.slice(1)}` : text
}

/** Numbers are kept as they were written where a double would change them. Throws `SyntaxError`. */
export const parseExact = (text: string): unknown =>
  mayChange.test(text) ? JSON.parse(text, keepChanged) : JSON.parse(text)

/** Sixteen digits in a row, whatever point is among them, an exponent, or a zero that is negative. */
const mayChange = /\d[\d.]{15}|\d[eE]|-0/

/** Each number is looked at by itself: what becomes of it must not depend on what stands beside it. */
const keepChanged = (_: string, value: unknown, { source }: { readonly source?: string }): unknown =>
  typeof value === 'number' && source !== undefined && String(value) !== source && mayChange.test(source)
    ? JSON.rawJSON(source)
    : value

type JsonText = { readonly text: string; readonly start: number }

const parseAt = ({ text, start }: JsonText): unknown => {
  try {
    if (mayHavePrototype.test(text)) JSON.parse(text, refusePrototype)
    return parseExact(text)
  } catch (error) {
    if (error instanceof HttpProblem) throw error
    const { position, what } = jsonErrorIn(text)
    throw malformed(what, start + position)
  }
}

/** The name as it is, or with an escape for one of its letters. */
const mayHavePrototype = /__proto__|\\u00/

const refusePrototype = (key: string, value: unknown): unknown => {
  if (key === '__proto__') throw new HttpProblem('INVALID_REQUEST', 'The name "__proto__" is not allowed.')
  return value
}

const malformed = (what: string, position: number): HttpProblem =>
  new HttpProblem('INVALID_REQUEST', `${what}, at position ${position}.`, { members: { position } })

/** Where each value begins and ends: enough to cut them apart, whether they are JSON is seen when they are parsed. */
const jsonTexts = (text: string): readonly JsonText[] => {
  const found: JsonText[] = []
  let position = 0
  for (;;) {
    space.lastIndex = position
    position += space.exec(text)?.[0].length ?? 0
    if (position >= text.length) return found
    const end = endOfValue(text, position)
    found.push({ text: text.slice(position, end), start: position })
    position = end
  }
}

const space = /[ \t\r\n]*/y
/** What ends a word outside of strings. */
const boundary = /[\s"{}[\]]/g

/** Whether a text has more brackets within each other than that: answers are not made from such JSON. */
export const isDeeperThan = (text: string, depth: number): boolean => {
  let open = 0
  for (let position = 0; position < text.length; position++) {
    const character = text[position]
    if (character === '"') position = endOfString(text, position) - 1
    else if (character === '{' || character === '[') open += 1
    else if (character === '}' || character === ']') open -= 1
    if (open > depth) return true
  }
  return false
}

const endOfValue = (text: string, start: number): number => {
  let depth = 0
  for (let position = start; position < text.length; ) {
    const character = text[position]
    if (character === '"') position = endOfString(text, position)
    else if (character === '{' || character === '[') {
      depth += 1
      position += 1
      if (depth > maxDepth) {
        throw malformed(`There are more than ${maxDepth} objects and arrays within each other`, position - 1)
      }
    } else if (character === '}' || character === ']') {
      depth -= 1
      position += 1
    } else {
      // White space is a boundary too: a word has at least one character.
      boundary.lastIndex = position + 1
      position = boundary.exec(text)?.index ?? text.length
    }
    if (depth <= 0) return position
  }
  return text.length
}

/** One past the closing quote; the end of the text when there is none. */
const endOfString = (text: string, start: number): number => {
  for (let position = start + 1; position < text.length; position++) {
    const character = text[position]
    if (character === '\\') position += 1
    else if (character === '"') return position + 1
  }
  return text.length
}
