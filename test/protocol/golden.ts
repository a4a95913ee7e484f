import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type Api, type Field, type Fields, includes } from '../../lib/protocol/declare.ts'
import { type Direction, everyApi, type Message } from './every-message.ts'

/** A message, and the frame that Apache Kafka makes of it. */
export type Golden = {
  readonly api: Api
  readonly direction: Direction
  readonly version: number
  readonly message: Message
  /** Header and body, without the size, in hex. */
  readonly frame: string
}

const folder = new URL('frames/', import.meta.url)
const fileOf = (api: Api): URL => new URL(`golden-${api.name}.json`, folder)

/** The vectors that are kept with the tests, so that they need no Java. */
export const readGoldens = (): readonly Golden[] =>
  everyApi
    .filter((api) => existsSync(fileOf(api)))
    .flatMap((api) => {
      const frozen: readonly Frozen[] = JSON.parse(readFileSync(fileOf(api), 'utf8'))
      return frozen.map(([direction, version, message, frame]) => {
        return { api, direction, version, frame, message: thaw(api[direction], message) }
      })
    })

/** Keeps the longest frame of each API, direction and version: it says the most. */
export const writeGoldens = (goldens: readonly Golden[]): void => {
  for (const api of everyApi) {
    const byVersion = Map.groupBy(
      goldens.filter((golden) => golden.api === api),
      ({ direction, version }) => `${direction} ${version}`,
    )
    const longest = [...byVersion.values()].map((all) =>
      all.reduce((best, one) => (one.frame.length > best.frame.length ? one : best)),
    )
    writeFileSync(fileOf(api), `[\n${longest.map(frozenLine).join(',\n')}\n]\n`)
  }
}

/** In a frozen message an int64 is a string, bytes are base64, and fields that the version lacks are missing. */
type Frozen = readonly [direction: Direction, version: number, message: Message, frame: string]

/** A message as Kafka's JSON converters read it: an int64 is a number, however large. */
export const javaJson = ({ api, direction, version, message }: Omit<Golden, 'frame'>): string =>
  json(only(api[direction], version, message), String)

const frozenLine = ({ api, direction, version, message, frame }: Golden): string =>
  json([direction, version, only(api[direction], version, message), frame], (int64) => `"${int64}"`)

const json = (value: unknown, int64: (value: bigint) => string): string => {
  if (typeof value === 'bigint') return int64(value)
  if (Buffer.isBuffer(value)) return JSON.stringify(value.toString('base64'))
  if (Array.isArray(value)) return `[${value.map((one) => json(one, int64)).join(',')}]`
  if (!isMessage(value)) return JSON.stringify(value)
  return `{${Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}:${json(one, int64)}`)}}`
}

/** What the version has of a message. */
const only = (fields: Fields, version: number, message: Message): Message =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([, field]) => includes(field.versions, version))
      .map(([name, field]) => [name, onlyValue(field, version, message[name])]),
  )

const onlyValue = ({ element, fields }: Field, version: number, value: unknown): unknown => {
  if (Array.isArray(value) && element !== undefined) return value.map((one) => onlyValue(element, version, one))
  return isMessage(value) && fields !== undefined ? only(fields, version, value) : value
}

const thaw = (fields: Fields, frozen: Message): Message =>
  Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      name in frozen ? thawValue(field, frozen[name]) : field.default,
    ]),
  )

const thawValue = (field: Field, value: unknown): unknown => {
  const { type, element, fields } = field
  if (typeof value === 'string' && type === 'int64') return BigInt(value)
  if (typeof value === 'string' && (type === 'bytes' || type === 'records')) return Buffer.from(value, 'base64')
  if (Array.isArray(value) && element !== undefined) return value.map((one) => thawValue(element, one))
  return isMessage(value) && fields !== undefined ? thaw(fields, value) : value
}

const isMessage = (value: unknown): value is Message => typeof value === 'object' && value !== null
