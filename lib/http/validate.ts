import * as z from 'zod/mini'
// By name: through `z.core` a bundle has all of zod, its messages in fifty languages among it.
import { $ZodBoolean, $ZodDefault, $ZodNumber, $ZodObject, $ZodOptional } from 'zod/v4/core'
import { HttpProblem } from './http-problem.ts'
import type { PlacedError } from './problem.ts'
import { didYouMean } from './suggestion.ts'

type Place = {
  /** Which part of the request it is. */
  readonly in: 'path' | 'query' | 'body'
  /** What comes before the paths of errors. */
  readonly under?: string
}

/** Errors that are told of at most. */
const maxErrors = 20

/** The value as the schema has it. Texts of a path or a query become numbers where the schema wants numbers. */
export const checked = <S extends z.core.$ZodType>(schema: S, given: unknown, place: Place): z.core.output<S> => {
  const read = place.in === 'body' ? given : readTexts(schema, given)
  const parsed = z.safeParse(schema, read, { reportInput: true })
  if (parsed.success) return parsed.data
  const found = parsed.error.issues.flatMap((issue) => placed(issue, place)).slice(0, maxErrors)
  const [first] = found
  const where = { path: 'path', query: 'query', body: 'body' }[place.in]
  const detail = first ? `In the ${where}${first.path === '' ? '' : ` at ${first.path}`}: ${first.message}.` : ''
  const hint = hintFor(schema, parsed.error.issues)
  throw new HttpProblem('INVALID_REQUEST', detail, { errors: found, ...(hint !== undefined && { hint }) })
}

const readTexts = (schema: z.core.$ZodType, given: unknown): unknown => {
  if (!(schema instanceof $ZodObject) || !isObject(given)) return given
  const read = Object.entries(given).map(([name, text]): readonly [string, unknown] => {
    const wanted = Object.hasOwn(schema._zod.def.shape, name) ? schema._zod.def.shape[name] : undefined
    return [name, wanted && typeof text === 'string' ? readText(wanted, text) : text]
  })
  return Object.fromEntries(read)
}

const readText = (schema: z.core.$ZodType, text: string): unknown => {
  if (schema instanceof $ZodOptional || schema instanceof $ZodDefault) {
    return readText(schema._zod.def.innerType, text)
  }
  if (schema instanceof $ZodNumber && /^-?\d{1,16}$/.test(text)) return Number(text)
  if (schema instanceof $ZodBoolean && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const placed = (issue: z.core.$ZodIssue, place: Place): readonly PlacedError[] => {
  const path = `${place.under ?? ''}${issue.path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: `${path}/${key.slice(0, 100)}`, message: 'this is not known here' }))
  }
  return [{ path, message: messageOf(issue) }]
}

const messageOf = (issue: z.core.$ZodIssue): string => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'it is missing' : `it is no ${issue.expected}`
    case 'too_small':
      return `it is at least ${issue.minimum}${unitOf(issue.origin)}`
    case 'too_big':
      return `it is at most ${issue.maximum}${unitOf(issue.origin)}`
    case 'invalid_value':
      return `it is none of ${issue.values.map(String).join(', ')}`
    case 'invalid_format':
      return 'it is not written as it should be'
    case 'custom':
      return issue.message ?? 'it is not as it should be'
    default:
      return 'it is not as it should be'
  }
}

const unitOf = (origin: string): string =>
  origin === 'string' ? ' characters long' : origin === 'array' ? ' elements long' : ''

/** A name that is nearly one that is known. */
const hintFor = (schema: z.core.$ZodType, issues: readonly z.core.$ZodIssue[]): string | undefined => {
  if (!(schema instanceof $ZodObject)) return undefined
  for (const issue of issues) {
    if (issue.code !== 'unrecognized_keys' || issue.path.length > 0) continue
    const known = Object.keys(schema._zod.def.shape)
    for (const key of issue.keys) {
      const hint = didYouMean(key, known)
      if (hint !== undefined) return hint
    }
    return known.length > 0 ? `Known are ${known.join(', ')}.` : undefined
  }
  return undefined
}
