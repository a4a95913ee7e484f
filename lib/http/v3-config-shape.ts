import * as z from 'zod/mini'
import type { DescribedConfig } from '../broker/described-configs.ts'
import { HttpProblem } from './http-problem.ts'
import { described } from './parameters.ts'

/** Kafka's names of where a value comes from (KIP-226). */
const sources = new Map([
  [1, 'DYNAMIC_TOPIC_CONFIG'],
  [4, 'STATIC_BROKER_CONFIG'],
  [5, 'DEFAULT_CONFIG'],
])
const byDefault = 5

const sourceOf = (source: number): string => sources.get(source) ?? 'UNKNOWN'

/** What is told of a config. */
export const configShape = {
  name: z.string(),
  value: z.nullable(z.string()),
  is_default: z.boolean(),
  is_read_only: z.boolean(),
  is_sensitive: z.boolean(),
  source: z.string(),
  synonyms: z.array(z.object({ name: z.string(), value: z.nullable(z.string()), source: z.string() })),
}

export const configFieldsOf = ({ name, value, configSource, readOnly, isSensitive, synonyms }: DescribedConfig) => ({
  name,
  value,
  is_default: configSource === byDefault,
  is_read_only: readOnly,
  is_sensitive: isSensitive,
  source: sourceOf(configSource),
  synonyms: synonyms.map((one) => ({ name: one.name, value: one.value, source: sourceOf(one.source) })),
})

const entry = z.object({
  name: described(z.string(), 'The name of a config.', 'retention.ms'),
  value: described(z.optional(z.nullable(z.string())), 'Its value.', '60000'),
  operation: described(
    z.optional(z.nullable(z.enum(['SET', 'DELETE']))),
    'SET by default; DELETE returns it to its default.',
  ),
})

/** Bodies that change configs. */
export const configFields = {
  alteration: z.object({
    data: described(z.array(entry), 'What to change; all of it or nothing.'),
    validate_only: described(z.optional(z.nullable(z.boolean())), 'Only looks whether it would be allowed.'),
  }),
  value: z.object({ value: described(z.nullable(z.string()), 'The value.', '60000') }),
} as const

/** The same as the broker wants it. */
export const configAlterations = (entries: readonly z.infer<typeof entry>[]) =>
  entries.map(({ name, value, operation }) => ({
    name,
    value: value ?? null,
    configOperation: operation === 'DELETE' ? 1 : 0,
  }))

/** Throws a problem where there is none of this name. */
export const findConfig = (configs: readonly DescribedConfig[], name: string): DescribedConfig => {
  const found = configs.find((config) => config.name === name)
  if (found === undefined) throw new HttpProblem('NOT_FOUND', `Config ${name} cannot be found.`)
  return found
}
