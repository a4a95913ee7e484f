/** What follows a flag: nothing, a value, or a value that may be left out. */
type Takes = 'nothing' | 'value' | 'maybe'

export type ToolFlags = Readonly<Record<string, Takes>>

/** What was typed means nothing to the tool, which says so with status 1. */
export class ToolUsageError extends Error {
  override readonly name = 'ToolUsageError'
}

/** What was given, by the whole names of flags; a flag may be there again and again. */
export class GivenFlags<F extends ToolFlags> {
  readonly #values: ReadonlyMap<string, readonly (string | undefined)[]>

  constructor(values: ReadonlyMap<string, readonly (string | undefined)[]>) {
    this.#values = values
  }

  has(name: keyof F & string): boolean {
    return this.#values.has(name)
  }

  /** The last value that was given. */
  text(name: keyof F & string): string | undefined {
    return this.#values.get(name)?.at(-1)
  }

  /** Throws `ToolUsageError` where it is not there. */
  required(name: keyof F & string): string {
    const text = this.text(name)
    if (text === undefined) throw new ToolUsageError(`Missing required argument "[${name}]"`)
    return text
  }

  texts(...names: readonly (keyof F & string)[]): readonly string[] {
    return names.flatMap((name) => this.#values.get(name) ?? []).filter((text) => text !== undefined)
  }

  /** Throws `ToolUsageError` where it is no whole number. */
  integer(name: keyof F & string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    if (/^-?\d{1,15}$/.test(text)) return Number(text)
    throw new ToolUsageError(`Cannot parse argument '${text}' of option ${name}`)
  }

  /** `a=b` of all flags of these names; Kafka has renamed several, and takes both. */
  properties(...names: readonly (keyof F & string)[]): ReadonlyMap<string, string> {
    return new Map(
      this.texts(...names).map((text): readonly [string, string] => {
        const equals = text.indexOf('=')
        if (equals < 0) throw new ToolUsageError(`Invalid command line properties: ${text}`)
        return [text.slice(0, equals), text.slice(equals + 1)]
      }),
    )
  }
}

/**
 * Reads flags as Apache's tools do: `--flag value`, `--flag=value`, and as little of a name as names no other.
 * Throws `ToolUsageError`.
 */
export const readFlags = <F extends ToolFlags>(flags: F, args: readonly string[]): GivenFlags<F> => {
  const given = new Map<string, (string | undefined)[]>()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    if (!/^--?\w/.test(arg)) throw new ToolUsageError(`${arg} is not a recognized option`)
    const equals = arg.indexOf('=')
    const typed = arg.slice(0, equals < 0 ? undefined : equals).replace(/^--?/, '')
    const name = wholeName(flags, typed)
    const written = equals < 0 ? undefined : arg.slice(equals + 1)
    const next = args[i + 1]
    const isNextAValue = next !== undefined && (flags[name] === 'value' ? !/^--\w/.test(next) : !next.startsWith('-'))
    const values = given.get(name) ?? []
    given.set(name, values)
    if (flags[name] === 'nothing') values.push(undefined)
    else if (written !== undefined) values.push(written)
    else if (isNextAValue) values.push(args[++i])
    else if (flags[name] === 'maybe') values.push(undefined)
    else throw new ToolUsageError(`Option ${name} requires an argument`)
  }
  return new GivenFlags(given)
}

const wholeName = (flags: ToolFlags, typed: string): string => {
  if (Object.hasOwn(flags, typed)) return typed
  const names = Object.keys(flags).filter((name) => name.startsWith(typed))
  const [name] = names
  if (name === undefined || names.length > 1) throw new ToolUsageError(`${typed} is not a recognized option`)
  return name
}

/** A file of Java properties: `a=b` in lines, `#` before comments, a backslash before a line that goes on. */
export const propertiesIn = (text: string): ReadonlyMap<string, string> => {
  const lines = text.replace(/\\\r?\n\s*/g, '').split(/\r?\n/)
  return new Map(
    lines.flatMap((line): readonly (readonly [string, string])[] => {
      const found = /^\s*([^#!\s=:][^=:\s]*)\s*[=:\s]\s*(.*?)\s*$/.exec(line)
      return found === null ? [] : [[found[1] ?? '', found[2] ?? '']]
    }),
  )
}
