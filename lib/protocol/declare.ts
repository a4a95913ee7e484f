import { zeroUuid } from './reader.ts'

/**
 * The words in which a message is declared: once, field by field, in the order of the wire, as Kafka's own definitions
 * do it (Kafka source: clients/src/main/resources/common/message/README.md). `compile.ts` makes readers and writers
 * of a declaration; the TypeScript types follow from it.
 *
 * `int32('4+', { default: -1 })` is a field that exists from version 4 on and reads as −1 in versions before.
 */
export const api = <Request extends Fields, Response extends Fields>(
  key: number,
  name: string,
  { versions, flexible }: { readonly versions: Versions; readonly flexible?: Versions },
  { request, response }: { readonly request: Request; readonly response: Response },
): Api<Request, Response> => ({
  key,
  name,
  versions: versionRange(versions),
  flexible: flexible === undefined ? undefined : versionRange(flexible),
  request,
  response,
})

export type Api<Request extends Fields = Fields, Response extends Fields = Fields> = {
  readonly key: number
  readonly name: string
  readonly versions: VersionRange
  /** Versions with compact lengths and tagged fields (KIP-482). */
  readonly flexible: VersionRange | undefined
  readonly request: Request
  readonly response: Response
}

/** What a message is when read: every field is there, with its default in versions that lack it. */
export type RequestOf<A extends Api> = ReadOf<A['request']>
export type ResponseOf<A extends Api> = ReadOf<A['response']>

/** What a message may be when written: fields with a declared default, and tagged ones, may be left out. */
export type RequestInput<A extends Api> = WriteOf<A['request']>
export type ResponseInput<A extends Api> = WriteOf<A['response']>

/** One field. A field that is `Omittable` may be left out when writing. */
export type Field<Read = unknown, Write = unknown, Omittable extends boolean = boolean> = {
  readonly type: Primitive | 'list' | 'struct'
  readonly versions: VersionRange
  /** Where null is allowed; undefined is nowhere. */
  readonly nullable: VersionRange | undefined
  /** What is read in versions without the field, and what a tagged field is left out for. */
  readonly default: unknown
  /** A field with a tag is tagged in all its versions. */
  readonly tag: number | undefined
  /** What a list holds. */
  readonly element: Field | undefined
  /** What a struct holds. */
  readonly fields: Fields | undefined
  /** Never there: it only carries the types. */
  readonly carries?: { readonly read: Read; readonly write: Write; readonly omittable: Omittable }
}

export type Fields = { readonly [name: string]: Field }

export type Primitive = 'bool' | 'int8' | 'int16' | 'int32' | 'int64' | 'uuid' | 'string' | 'bytes' | 'records'

/** Versions as Kafka writes them: from 4 on, 0 to 8, only 3. */
type Versions = `${number}+` | `${number}-${number}` | `${number}`

export type VersionRange = { readonly first: number; readonly last: number }

/** Where a range like `4+` ends: versions are an int16. */
const lastPossibleVersion = 32767

const versionRange = (versions: Versions): VersionRange => {
  const [first, last = versions.endsWith('+') ? lastPossibleVersion : first] = versions.split(/[+-]/).filter(Boolean)
  return { first: Number(first), last: Number(last) }
}

export const includes = (range: VersionRange | undefined, version: number): boolean =>
  range !== undefined && range.first <= version && version <= range.last

type Options<Value> = {
  readonly nullable?: Versions
  /** Without it: zero, false, the empty string, the empty list, a struct of defaults. Also where null is allowed. */
  readonly default?: Value | null
  readonly tag?: number
}

type NullIn<O> = O extends { readonly nullable: Versions } ? null : never
type OmittableIn<O> = O extends { readonly default: unknown } | { readonly tag: number } ? true : false
type With<O, Read, Write> = Field<Read | NullIn<O>, Write | NullIn<O>, OmittableIn<O>>

/** Used as `int32()`, `int32('4+')`, `int32({ default: -1 })` or `int32('4+', { default: -1 })`. */
interface Word<Read, Write = Read> {
  (versions?: Versions): Field<Read, Write, false>
  <const O extends Options<Read>>(options: O): With<O, Read, Write>
  <const O extends Options<Read>>(versions: Versions, options: O): With<O, Read, Write>
}

type Given = readonly [first?: Versions | Options<unknown> | undefined, second?: Options<unknown> | undefined]

const field = (type: Field['type'], zero: unknown, given: Given, inner?: Partial<Field>): Field => {
  const [first, second] = given
  const options = typeof first === 'object' ? first : second
  return {
    type,
    versions: versionRange(typeof first === 'string' ? first : '0+'),
    nullable: options?.nullable === undefined ? undefined : versionRange(options.nullable),
    default: options?.default === undefined ? zero : options.default,
    tag: options?.tag,
    element: inner?.element,
    fields: inner?.fields,
  }
}

// Reason for `as`: the types that a field carries exist only in the compiler, so nothing at run time can prove them.
const word = <Read, Write = Read>(type: Primitive, zero: unknown): Word<Read, Write> =>
  ((...given: Given) => field(type, zero, given)) as Word<Read, Write>

const noBytes = Buffer.alloc(0)
const noElements: readonly never[] = Object.freeze([])

export const bool = word<boolean>('bool', false)
export const int8 = word<number>('int8', 0)
export const int16 = word<number>('int16', 0)
export const int32 = word<number>('int32', 0)
export const int64 = word<bigint>('int64', 0n)
export const uuid = word<string>('uuid', zeroUuid)
export const string = word<string>('string', '')
export const bytes = word<Buffer, Buffer | readonly Buffer[]>('bytes', noBytes)

/** Record batches, not decoded: a view of the frame when read, buffers that are only referred to when written. Null is allowed. */
export const records = word<Buffer, Buffer | readonly Buffer[]>('records', noBytes)

/** Fields together. */
export function struct<F extends Fields>(fields: F, versions?: Versions): Field<ReadOf<F>, WriteOf<F>, false>
export function struct<F extends Fields, const O extends Options<never>>(
  fields: F,
  options: O,
): With<O, ReadOf<F>, WriteOf<F>>
export function struct<F extends Fields, const O extends Options<never>>(
  fields: F,
  versions: Versions,
  options: O,
): With<O, ReadOf<F>, WriteOf<F>>
export function struct(fields: Fields, ...given: Given): Field {
  const defaults = Object.fromEntries(Object.entries(fields).map(([name, { default: value }]) => [name, value]))
  return field('struct', Object.freeze(defaults), given, { fields })
}

/** Any number of structs, declared by their fields, or of primitives, declared by a word. */
export function list<E extends Element>(of: E, versions?: Versions): Field<ElementsRead<E>, ElementsWritten<E>, false>
export function list<E extends Element, const O extends Options<readonly []>>(
  of: E,
  options: O,
): With<O, ElementsRead<E>, ElementsWritten<E>>
export function list<E extends Element, const O extends Options<readonly []>>(
  of: E,
  versions: Versions,
  options: O,
): With<O, ElementsRead<E>, ElementsWritten<E>>
export function list(of: Element, ...given: Given): Field {
  return field('list', noElements, given, { element: isField(of) ? of : struct(of) })
}

type Element = Field | Fields

/** A struct may have a field called `type`, but that is no string. */
const isField = (of: Element): of is Field => typeof of.type === 'string'

type ElementsRead<E> = readonly (E extends Field ? Carried<E>['read'] : E extends Fields ? ReadOf<E> : never)[]
type ElementsWritten<E> = readonly (E extends Field ? Carried<E>['write'] : E extends Fields ? WriteOf<E> : never)[]

type Carried<F extends Field> = NonNullable<F['carries']>

type ReadOf<F extends Fields> = { readonly [Name in keyof F]: Carried<F[Name]>['read'] }

type WriteOf<F extends Fields> = {
  readonly [Name in keyof F as Carried<F[Name]>['omittable'] extends true ? never : Name]: Carried<F[Name]>['write']
} & {
  readonly [Name in keyof F as Carried<F[Name]>['omittable'] extends true ? Name : never]?: Carried<F[Name]>['write']
}
