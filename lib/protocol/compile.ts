import assert from 'node:assert'
import {
  type Api,
  type Field,
  type Fields,
  includes,
  type Primitive,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from './declare.ts'
import { MalformedFrame, type Reader } from './reader.ts'
import { Writer } from './writer.ts'

/** The body of one message in one version, without its header. */
export type Codec<Read, Write> = {
  /** Throws `MalformedFrame`. Bytes after the message and unknown tags are ignored. */
  readonly read: (reader: Reader) => Read
  /** Leaves out what the version lacks, whatever its value. Throws `RangeError` for what the version cannot say. */
  readonly write: (writer: Writer, value: Write) => void
}

/** Compiled on first use. The version must be one that the API declares. */
export const requestCodec = <A extends Api>(api: A, version: number): Codec<RequestOf<A>, RequestInput<A>> =>
  messageCodec(api, api.request, version)

export const responseCodec = <A extends Api>(api: A, version: number): Codec<ResponseOf<A>, ResponseInput<A>> =>
  messageCodec(api, api.response, version)

// Reason for every `any` and `as` below: the interpreter sees a declaration as a value, and what it reads and writes by
// it is known only when it runs. The types that others see are derived from the same declaration in `declare.ts`.
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnyCodec = Codec<any, any>

const compiled = new WeakMap<Fields, Map<number, AnyCodec>>()

const messageCodec = (api: Api, fields: Fields, version: number): AnyCodec => {
  const versions = compiled.get(fields) ?? new Map<number, AnyCodec>()
  compiled.set(fields, versions)
  const known = versions.get(version)
  if (known !== undefined) return known
  assert(includes(api.versions, version), `${api.name} has no version ${version}`)
  const codec = structCodec(fields, { version, flexible: includes(api.flexible, version) })
  versions.set(version, codec)
  return codec
}

type Target = { readonly version: number; readonly flexible: boolean }

/** Also tells the fewest bytes that it can take, so that the length of a list can be checked before it is believed. */
type Sized = AnyCodec & { readonly leastBytes: number }

type Value = Record<string, unknown>

const structCodec = (fields: Fields, target: Target): Sized => {
  const defaults = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.default]))
  const present = Object.entries(fields).filter(([, field]) => includes(field.versions, target.version))
  const plain = present
    .filter(([, field]) => field.tag === undefined)
    .map(([name, field]) => ({ name, ...fieldCodec(field, target), nullable: isNullable(field, target) }))
  const tags = target.flexible ? tagsCodec(present, target) : undefined

  const read = (reader: Reader): Value => {
    const value = { ...defaults }
    for (const { name, read } of plain) value[name] = read(reader)
    tags?.read(reader, value)
    return value
  }

  const write = (writer: Writer, value: Value): void => {
    for (const { name, write, nullable } of plain) {
      const given = value[name] === undefined ? defaults[name] : value[name]
      if (given === null && !nullable) throw new RangeError(`${name} must not be null in version ${target.version}`)
      write(writer, given)
    }
    tags?.write(writer, value)
  }

  return { read, write, leastBytes: plain.reduce((sum, field) => sum + field.leastBytes, target.flexible ? 1 : 0) }
}

/** What ends every struct of a flexible version: a count, then for each field its tag, its size and its value (KIP-482). */
const tagsCodec = (present: readonly (readonly [string, Field])[], target: Target) => {
  const tagged = present
    .flatMap(([name, field]) => (field.tag === undefined ? [] : [{ name, field, tag: field.tag }]))
    .map(({ name, field, tag }) => ({ name, tag, ...fieldCodec(field, target), isDefault: defaultTest(field) }))
    .sort((left, right) => left.tag - right.tag)

  const readTag = (reader: Reader, value: Value): void => {
    const tag = reader.unsignedVarint()
    const size = reader.unsignedVarint()
    const field = tagged.find((candidate) => candidate.tag === tag)
    const start = reader.position
    reader.skip(size)
    if (field === undefined) return
    const end = reader.position
    reader.position = start
    value[field.name] = field.read(reader)
    if (reader.position > end) throw new MalformedFrame(`${field.name} takes more than the ${size} bytes of its tag`)
    reader.position = end
  }

  const read = (reader: Reader, value: Value): void => {
    for (let left = reader.unsignedVarint(); left > 0; left--) readTag(reader, value)
  }

  const writeNone = (writer: Writer): void => writer.unsignedVarint(0)

  const write = (writer: Writer, value: Value): void => {
    const given = tagged.filter(({ name, isDefault }) => !isDefault(value[name]))
    writer.unsignedVarint(given.length)
    for (const { name, tag, write } of given) {
      const content = new Writer()
      write(content, value[name])
      writer.unsignedVarint(tag)
      writer.unsignedVarint(content.length)
      writer.raw(content.finish())
    }
  }

  return { read, write: tagged.length === 0 ? writeNone : write }
}

/** Whether a value, or its absence, says no more than the default does. */
const defaultTest = (field: Field): ((value: unknown) => boolean) => {
  if (field.default === null) return (value) => value === undefined || value === null
  if (field.type === 'list') return (value) => value === undefined || (value as readonly unknown[] | null)?.length === 0
  if (field.type !== 'struct') return (value) => value === undefined || value === field.default
  const tests = Object.entries(field.fields ?? {}).map(([name, inner]) => [name, defaultTest(inner)] as const)
  return (value) => value === undefined || tests.every(([name, test]) => test((value as Value)[name]))
}

const isNullable = (field: Field, { version }: Target): boolean => includes(field.nullable, version)

const fieldCodec = (field: Field, target: Target): Sized => {
  const nullable = isNullable(field, target)
  switch (field.type) {
    case 'list':
      return listCodec(fieldCodec(field.element as Field, target), nullable, target)
    case 'struct': {
      const codec = structCodec(field.fields as Fields, target)
      return nullable ? nullableStructCodec(codec) : codec
    }
    default:
      return primitiveCodec(field.type, nullable, target)
  }
}

const listCodec = (element: Sized, nullable: boolean, { flexible }: Target): Sized => {
  const elementBytes = Math.max(1, element.leastBytes)
  return {
    leastBytes: flexible ? 1 : 4,
    read: (reader) => {
      const count = flexible ? reader.compactCount(elementBytes) : reader.count(elementBytes)
      if (count === null) {
        if (nullable) return null
        throw new MalformedFrame('null where a list must be')
      }
      const elements: unknown[] = []
      for (let index = 0; index < count; index++) elements.push(element.read(reader))
      return elements
    },
    write: (writer, value: readonly unknown[] | null) => {
      const count = value === null ? null : value.length
      if (flexible) writer.compactCount(count)
      else writer.count(count)
      if (value !== null) for (const one of value) element.write(writer, one)
    },
  }
}

/** A byte goes before a struct that may be null: −1 if it is. */
const nullableStructCodec = (codec: Sized): Sized => ({
  leastBytes: 1,
  read: (reader) => (reader.int8() < 0 ? null : codec.read(reader)),
  write: (writer, value: Value | null) => {
    writer.int8(value === null ? -1 : 1)
    if (value !== null) codec.write(writer, value)
  },
})

const primitiveCodec = (type: Primitive, nullable: boolean, { flexible }: Target): Sized => {
  switch (type) {
    case 'bool':
      return { leastBytes: 1, read: (reader) => reader.bool(), write: (writer, value) => writer.bool(value) }
    case 'int8':
      return { leastBytes: 1, read: (reader) => reader.int8(), write: (writer, value) => writer.int8(value) }
    case 'int16':
      return { leastBytes: 2, read: (reader) => reader.int16(), write: (writer, value) => writer.int16(value) }
    case 'int32':
      return { leastBytes: 4, read: (reader) => reader.int32(), write: (writer, value) => writer.int32(value) }
    case 'int64':
      return { leastBytes: 8, read: (reader) => reader.int64(), write: (writer, value) => writer.int64(value) }
    case 'uuid':
      return { leastBytes: 16, read: (reader) => reader.uuid(), write: (writer, value) => writer.uuid(value) }
    case 'string':
      return stringCodec(nullable, flexible)
    case 'bytes':
    case 'records':
      return bytesCodec(nullable, flexible)
  }
}

const stringCodec = (nullable: boolean, flexible: boolean): Sized => {
  if (flexible) {
    return {
      leastBytes: 1,
      read: nullable ? (reader) => reader.compactNullableString() : (reader) => reader.compactString(),
      write: (writer, value) => writer.compactNullableString(value),
    }
  }
  return {
    leastBytes: 2,
    read: nullable ? (reader) => reader.nullableString() : (reader) => reader.string(),
    write: (writer, value) => writer.nullableString(value),
  }
}

const bytesCodec = (nullable: boolean, flexible: boolean): Sized => {
  if (flexible) {
    return {
      leastBytes: 1,
      read: nullable ? (reader) => reader.compactNullableBytes() : (reader) => reader.compactBytes(),
      write: (writer, value) => writer.compactNullableBytes(value),
    }
  }
  return {
    leastBytes: 4,
    read: nullable ? (reader) => reader.nullableBytes() : (reader) => reader.bytes(),
    write: (writer, value) => writer.nullableBytes(value),
  }
}
