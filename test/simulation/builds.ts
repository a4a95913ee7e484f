import { Lane, type LaneOptions, type LogJournal } from '../../lib/journal/lane.ts'
import { logFold } from '../../lib/log/fold.ts'
import { crc32c } from '../../lib/protocol/crc32c.ts'
import type { Item, Items, NewItem } from '../../lib/store/items.ts'
import type { Shard } from '../../lib/store/keys.ts'
import type { Objects } from '../../lib/store/objects.ts'

/**
 * Versions of Wadi. `older` is the code as it is. The others know kinds and formats that it does not: `reading` as one
 * that is rolled out first and writes none of them yet, `writing` as one that does, more and more often.
 */
export type Build = 'older' | 'reading' | 'writing'

type LogFold = LogJournal['fold']

/** Bytes 0 and 1 of a row are its format and its kind. */
const knownFormat = 1
const newerFormat = 2
/** Kinds of row that only newer versions know lie so far above the kinds that all know. */
const newerKinds = 64
/** Where a checkpoint has its format, after its mark and the checksum of all that follows. */
const stateFormatAt = 8

export const foldOf = (build: Build): LogFold => {
  if (build === 'older') return logFold
  if (build === 'reading') return readingFold
  return {
    ...readingFold,
    encodeRow: (row) => (isNew(row.id) ? asNewerRow(logFold.encodeRow(row)) : logFold.encodeRow(row)),
    encodeState: (state, shard) => asNewerState(logFold.encodeState(state, shard)),
  }
}

/** Of all rows of a build that writes what is new, every second one; the same for every try of a row. */
const isNew = (id: string): boolean => id.charCodeAt(id.length - 1) % 2 === 0

/** Every other one has a kind that is not known, the others a format that is not. */
const asNewerRow = (row: Buffer): Buffer => {
  const kind = row[1] ?? 0
  if (row.length % 2 === 0) return Buffer.concat([Buffer.of(knownFormat, kind + newerKinds), row.subarray(2)])
  return Buffer.concat([Buffer.of(newerFormat, kind + newerKinds, kind), row.subarray(2)])
}

const asOlderRow = (row: Buffer): Buffer => {
  const [format, kind = 0] = row
  if (format === newerFormat) return Buffer.concat([Buffer.of(knownFormat), row.subarray(2)])
  if (kind < newerKinds) return row
  const older = Buffer.from(row)
  older[1] = kind - newerKinds
  return older
}

/** Whether the version under test does not know what this row is. */
export const isNewerRow = (row: Buffer): boolean => asOlderRow(row) !== row

const withStateFormat = (bytes: Buffer, format: number): Buffer => {
  const changed = Buffer.from(bytes)
  changed[stateFormatAt] = format
  changed.writeUInt32BE(crc32c(changed.subarray(stateFormatAt)), stateFormatAt - 4)
  return changed
}

const asNewerState = (bytes: Buffer): Buffer => withStateFormat(bytes, newerFormat)

const asOlderState = (bytes: Buffer): Buffer =>
  bytes[stateFormatAt] === newerFormat ? withStateFormat(bytes, knownFormat) : bytes

/** Knows everything that any build writes. */
export const readingFold: LogFold = {
  ...logFold,
  decodeRow: (bytes) => logFold.decodeRow(asOlderRow(bytes)),
  decodeState: (bytes, shard) => logFold.decodeState(asOlderState(bytes), shard),
}

/** The stores as if only the older version had ever written to them, to be read from. */
export const asOlderStores = (items: Items, objects: Objects): { readonly items: Items; readonly objects: Objects } => {
  const older = (item: Item): Item => (/^\d+$/.test(item.sort) ? { ...item, body: asOlderRow(item.body) } : item)
  return {
    items: {
      ...items,
      query: async (partition, options) => {
        const page = await items.query(partition, options)
        return { ...page, items: page.items.map(older) }
      },
    },
    objects: {
      ...objects,
      read: async (key, range) => {
        const bytes = await objects.read(key, range)
        return key.includes('/ckpt/') && range === undefined ? asOlderState(bytes) : bytes
      },
    },
  }
}

/** Lanes into the same journals that understand rows differently. */
export const lanesWith = (
  laneOf: (shard: Shard) => Lane,
  fold: LogJournal['fold'],
  options: LaneOptions,
): ((shard: Shard) => Lane) => {
  const lanes = new Map<string, Lane>()
  return (shard) => {
    const lane = lanes.get(shard.topicId) ?? new Lane({ ...laneOf(shard).journal, fold }, options)
    lanes.set(shard.topicId, lane)
    return lane
  }
}

const knownDocument = Buffer.from('{"format":1')
// The second format is that of groups of leases.
const newerDocument = Buffer.from('{"format":3')

const withStart = (body: Buffer, from: Buffer, to: Buffer): Buffer =>
  body.subarray(0, from.length).equals(from) ? Buffer.concat([to, body.subarray(from.length)]) : body

/** A group or its offsets as the version under test would have written them. */
export const asOlderDocument = (body: Buffer): Buffer => withStart(body, newerDocument, knownDocument)

/** Items as a newer version uses them: it reads every document, and what it writes only newer ones can read. */
export const newerDocuments = (items: Items): Items => {
  const older = <Found extends Item | undefined>(item: Found) => item && { ...item, body: asOlderDocument(item.body) }
  const newer = (item: NewItem): NewItem => ({ ...item, body: withStart(item.body, knownDocument, newerDocument) })
  return {
    ...items,
    get: async (key, options) => older(await items.get(key, options)),
    query: async (partition, options) => {
      const page = await items.query(partition, options)
      return { ...page, items: page.items.map((item) => ({ ...item, body: asOlderDocument(item.body) })) }
    },
    putIfAbsent: async (key, item) => {
      const put = await items.putIfAbsent(key, newer(item))
      return put.outcome === 'taken' ? { ...put, by: { ...put.by, body: asOlderDocument(put.by.body) } } : put
    },
    replace: async (key, item, version) => {
      const replaced = await items.replace(key, newer(item), version)
      return replaced.outcome === 'conflict' ? { ...replaced, current: older(replaced.current) } : replaced
    },
  }
}
