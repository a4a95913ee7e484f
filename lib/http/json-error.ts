/** Where a text that is no JSON stops being JSON, and what was wanted there (RFC 8259). Looked for only when parsing failed. */
export const jsonErrorIn = (text: string): { readonly position: number; readonly what: string } => {
  const open: ('object' | 'array')[] = []
  let position = 0
  const skipSpace = (): void => {
    space.lastIndex = position
    position += space.exec(text)?.[0].length ?? 0
  }
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position
    const found = pattern.exec(text)?.[0]
    position += found?.length ?? 0
    return found
  }
  const takeString = (): boolean => {
    const end = endOfString(text, position)
    position = end ?? position
    return end !== undefined
  }
  const key = (): string | undefined => {
    if (!takeString()) return 'A name in quotes is missing'
    skipSpace()
    return take(colon) === undefined ? 'A colon is missing' : undefined
  }
  // A value is wanted, after it a comma or an end: as many steps as the text has parts.
  for (;;) {
    skipSpace()
    const begun = take(opening)
    if (begun !== undefined) {
      open.push(begun === '{' ? 'object' : 'array')
      skipSpace()
      if (take(begun === '{' ? closingBrace : closingBracket) === undefined) {
        const wrong = begun === '{' ? key() : undefined
        if (wrong !== undefined) return { position, what: wrong }
        continue
      }
      open.pop()
    } else if (!takeString() && take(plain) === undefined) {
      const what = text[position] === '"' ? 'A string does not end, or has what must be escaped' : 'A value is missing'
      return { position, what }
    }
    for (;;) {
      skipSpace()
      const inside = open.at(-1)
      if (inside === undefined) return { position, what: 'Something follows the JSON value' }
      if (take(comma) !== undefined) {
        skipSpace()
        const wrong = inside === 'object' ? key() : undefined
        if (wrong !== undefined) return { position, what: wrong }
        break
      }
      if (take(inside === 'object' ? closingBrace : closingBracket) === undefined) {
        return { position, what: `A comma or the end of the ${inside} is missing` }
      }
      open.pop()
    }
  }
}

/**
 * One past the string that begins here; undefined when there is none. Not by a pattern: one that fails at the end of a
 * long text would try all ways to come there.
 */
const endOfString = (text: string, start: number): number | undefined => {
  if (text[start] !== '"') return undefined
  for (let position = start + 1; position < text.length; position++) {
    const code = text.charCodeAt(position)
    if (code < firstPrintable) return undefined
    if (code === quote) return position + 1
    if (code !== backslash) continue
    escaping.lastIndex = position
    const escaped = escaping.exec(text)?.[0]
    if (escaped === undefined) return undefined
    position += escaped.length - 1
  }
  return undefined
}

const firstPrintable = 0x20
const quote = 0x22
const backslash = 0x5c
const escaping = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const space = /[ \t\r\n]*/y
const opening = /[{[]/y
const closingBrace = /\}/y
const closingBracket = /\]/y
const comma = /,/y
const colon = /:/y
const plain = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y
