import { expect, test } from 'vitest'
import type { Api, Field, Fields, VersionRange } from '../../lib/protocol/declare.ts'
import { skipWithout } from '../support/tools.ts'
import { directions, everyApi } from './every-message.ts'
import { type DefinedField, type Definition, officialDefinitions } from './official.ts'

const skip = skipWithout('javac')

test.skipIf(skip)('every declaration says what Apache Kafka says of its versions', () => {
  const official = officialDefinitions(everyApi)
  expect(everyApi.flatMap(declaredLines)).toEqual(everyApi.flatMap((api, index) => officialLines(api, official[index])))
})

/** One line says all of a field: versions count as far as what they are in has them. */
type Line = readonly [path: string, type: string, versions: string, nullable: string, default_: string, tag: string]

const declaredLines = (api: Api): readonly unknown[] => [
  [api.name, api.key, show(api.versions), show(within(api.flexible, api.versions))],
  ...directions.flatMap((direction) => declaredFields(api[direction], `${api.name} ${direction}`, api.versions)),
]

const declaredFields = (fields: Fields, path: string, parent: VersionRange): readonly Line[] =>
  Object.entries(fields).flatMap(([name, field]): readonly Line[] => {
    const versions = within(field.versions, parent)
    if (versions === undefined) throw new Error(`${path}.${name} is in no version`)
    const inner = field.element?.fields ?? field.fields
    const line = lineOf(
      `${path}.${name}`,
      declaredType(field),
      versions,
      within(field.nullable, versions),
      field.default,
      field.tag,
    )
    return [line, ...(inner === undefined ? [] : declaredFields(inner, `${path}.${name}`, versions))]
  })

const declaredType = (field: Field): string => (field.type === 'list' ? `[]${field.element?.type}` : field.type)

const officialLines = (
  api: Api,
  official: Record<'request' | 'response', Definition> | undefined,
): readonly unknown[] => {
  if (official === undefined) return []
  const versions = range(official.request.validVersions)
  const flexible = range(official.request.flexibleVersions)
  if (versions === undefined) throw new Error(`${api.name} has no versions`)
  return [
    [api.name, official.request.apiKey, show(versions), show(within(flexible, versions))],
    ...directions.flatMap((direction) =>
      officialFields(official[direction], official[direction].fields, `${api.name} ${direction}`, versions),
    ),
  ]
}

const officialFields = (
  definition: Definition,
  fields: readonly DefinedField[],
  path: string,
  parent: VersionRange,
): readonly Line[] =>
  fields.flatMap((field): readonly Line[] => {
    const versions = within(range(field.versions), parent)
    if (versions === undefined) return []
    const name = `${path}.${field.name.charAt(0).toLowerCase()}${field.name.slice(1)}`
    const element = field.type.replace('[]', '')
    const inner = field.fields ?? definition.commonStructs?.find((common) => common.name === element)?.fields
    const type = `${field.type.startsWith('[]') ? '[]' : ''}${inner === undefined ? element : 'struct'}`
    const nullable = within(range(field.nullableVersions ?? 'none'), versions)
    expect(field.taggedVersions ?? field.versions, 'a tagged field is tagged in all its versions').toBe(field.versions)
    const line = lineOf(name, type, versions, nullable, officialDefault(type, String(field.default ?? '')), field.tag)
    return [line, ...(inner === undefined ? [] : officialFields(definition, inner, name, versions))]
  })

const lineOf = (
  path: string,
  type: string,
  versions: VersionRange,
  nullable: VersionRange | undefined,
  default_: unknown,
  tag: number | undefined,
): Line => [
  path,
  type,
  show(versions),
  `nullable ${show(nullable)}`,
  `default ${type === 'struct' && default_ !== null ? 'struct' : String(default_)}`,
  `tag ${tag}`,
]

/** A default as it would read; definitions give it as text, and an empty text means the zero of the type. */
const officialDefault = (type: string, text: string): unknown => {
  if (text === 'null') return null
  if (type === 'bool') return text === 'true'
  if (/^u?int/.test(type)) return BigInt(text === '' ? 0 : text)
  if (type === 'uuid') return 'A'.repeat(22)
  return text
}

const range = (versions: string): VersionRange | undefined => {
  const [first, last] = versions.split(/[+-]/)
  if (versions === 'none') return undefined
  return { first: Number(first), last: versions.endsWith('+') ? Number.POSITIVE_INFINITY : Number(last ?? first) }
}

const within = (inner: VersionRange | undefined, outer: VersionRange): VersionRange | undefined => {
  if (inner === undefined) return undefined
  const both = { first: Math.max(inner.first, outer.first), last: Math.min(inner.last, outer.last) }
  return both.first <= both.last ? both : undefined
}

const show = (versions: VersionRange | undefined): string =>
  versions === undefined ? 'none' : `${versions.first}-${versions.last}`
