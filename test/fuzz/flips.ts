import { parseArgs } from 'node:util'
import { at, batchesIn, crcMatches, readBatchHeader } from '../../lib/protocol/batch.ts'
import { readResponse, writeRequest } from '../../lib/protocol/header.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { ListOffsets } from '../../lib/protocol/messages/list-offsets.ts'
import type { Items } from '../../lib/store/items.ts'
import { type Objects, sliceOf } from '../../lib/store/objects.ts'
import { type Chance, chance } from '../gateway/chance.ts'
import { recordsOf } from '../support/batches.ts'
import { brokerOver, hastyClock } from './broker-target.ts'
import { type Cluster, flipCluster, flipTopics, partitions, type Stored, type Written } from './flip-cluster.ts'

export type FlipReport = {
  readonly flips: number
  /** By where the bit was: how often a client was told of damage, or noticed it by a checksum, and how often nothing was wrong. */
  readonly byKind: Readonly<Record<string, { flips: number; found: number; harmless: number; mostLost: number }>>
  /** Flips after which a client took for valid what was not written, or missed something without being told. */
  readonly wrong: readonly string[]
}

const maxWrongTold = 20

/** Flips one bit at a time in what a small cluster has stored, and reads everything of its topic as clients do. */
export const flipBits = async (options: { readonly flips: number; readonly seed: number }): Promise<FlipReport> => {
  const cluster = await flipCluster()
  const wrong: string[] = []
  const byKind: Record<string, { flips: number; found: number; harmless: number; mostLost: number }> = {}
  await readAll(cluster, cluster, wrong)
  if (wrong.length > 0) throw new Error(`without any damage: ${wrong.join('\n')}`)
  for (let number = 0; number < options.flips; number++) {
    const random = chance((Math.imul(options.seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) >>> 0)
    const { stored, bit, isHeader } = anyBit(cluster.stored, random)
    const before = wrong.length
    const told: string[] = []
    const lost = await readAll(cluster, withFlip(cluster, stored, bit), told)
    const place = `${stored.kind} ${stored.key}, bit ${bit}, seed ${options.seed}, flip ${number}`
    if (before < maxWrongTold) wrong.push(...told.map((what) => `${place}: ${what}`))
    const kind = isHeader ? `${stored.kind}, header of a batch` : stored.kind
    const counts = byKind[kind] ?? { flips: 0, found: 0, harmless: 0, mostLost: 0 }
    byKind[kind] = {
      flips: counts.flips + 1,
      found: counts.found + (lost > 0 ? 1 : 0),
      harmless: counts.harmless + (lost > 0 ? 0 : 1),
      mostLost: Math.max(counts.mostLost, lost),
    }
    // Only one batch is lost with a bit of it; with its length also those behind it which no index leads to.
    const isLength = stored.headers.some(
      (start) => (bit >> 3) - start >= at.length && (bit >> 3) - start < at.length + 4,
    )
    if (stored.kind === 'wal' && lost > 1) wrong.push(`${place}: ${lost} batches are lost`)
    if (stored.kind === 'seg' && isHeader && !isLength && lost > 1) wrong.push(`${place}: ${lost} batches are lost`)
  }
  return { flips: options.flips, byKind, wrong }
}

const anyBit = (all: readonly Stored[], random: Chance) => {
  // Rows are many, and most of them are behind a checkpoint: every kind has its share.
  const kind = random.pick(['row', 'wal', 'seg', 'seg', 'checkpoint', 'checkpoint item'])
  const those = all.filter((one) => one.kind === kind)
  const stored = those[random.below(those.length)]
  if (stored === undefined) throw new Error(`something of ${kind} is stored`)
  const { headers, bytes } = stored
  const start = headers[random.below(headers.length)]
  if (start !== undefined && random.oneIn(2)) {
    return { stored, bit: (start + random.below(at.records)) * 8 + random.below(8), isHeader: true }
  }
  return { stored, bit: random.below(bytes.length * 8), isHeader: false }
}

type Stores = { readonly items: Items; readonly objects: Objects }

/** The stores as they would be read with one bit changed. */
const withFlip = ({ items, objects }: Stores, { key: flippedKey, bytes }: Stored, bit: number): Stores => {
  const flipped = Buffer.from(bytes)
  flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
  return {
    items: {
      ...items,
      get: async (key, how) => {
        const item = await items.get(key, how)
        return item && `${key.partition}/${key.sort}` === flippedKey ? { ...item, body: flipped } : item
      },
      query: async (partition, how) => {
        const page = await items.query(partition, how)
        const isFlipped = (sort: string) => `${partition}/${sort}` === flippedKey
        return {
          ...page,
          items: page.items.map((item) => (isFlipped(item.sort) ? { ...item, body: flipped } : item)),
        }
      },
    },
    objects: {
      ...objects,
      read: async (key, range) => (key === flippedKey ? sliceOf(flipped, range) : objects.read(key, range)),
    },
  }
}

/** Reads all partitions; tells how many batches could not be had, and into `wrong` what a client would not notice. */
const readAll = async ({ written }: Cluster, { items, objects }: Stores, wrong: string[]): Promise<number> => {
  const { send } = brokerOver(items, objects, hastyClock())
  let lost = 0
  for (const topic of flipTopics) {
    for (let index = 0; index < partitions; index++) {
      const batches = written.get(`${topic}/${index}`) ?? []
      const client = clientOf(send, topic, index)
      try {
        lost += await readPartition(client, batches, wrong)
      } catch (error) {
        if (!(error instanceof Unexpected)) throw error
        wrong.push(`${topic}/${index}: ${error.message}`)
      }
    }
  }
  return lost
}

/** A client notices nothing, and has what nobody wrote. */
class Unexpected extends Error {}

type Client = ReturnType<typeof clientOf>

const header = { correlationId: 1, clientId: 'flips' }
const maxFetchBytes = 200_000

const clientOf = (send: (frame: Buffer) => Promise<Buffer>, topic: string, index: number) => ({
  /** Undefined: an error. */
  fetch: async (fetchOffset: bigint): Promise<Buffer | undefined> => {
    const partition = { partition: index, fetchOffset, partitionMaxBytes: maxFetchBytes }
    const request = { maxWaitMs: 0, minBytes: 1, maxBytes: maxFetchBytes, topics: [{ topic, partitions: [partition] }] }
    const frame = Buffer.concat(writeRequest(Fetch, 11, header, request)).subarray(4)
    const { body } = readResponse(Fetch, 11, await send(frame))
    const answer = body.responses[0]?.partitions[0]
    if (answer === undefined || answer.errorCode !== 0) return undefined
    return answer.records ?? Buffer.alloc(0)
  },
  /** −1n is the end of the log. Undefined: an error. */
  offsetOf: async (timestamp: bigint): Promise<bigint | undefined> => {
    const asked = { partitionIndex: index, timestamp }
    const request = { replicaId: -1, topics: [{ name: topic, partitions: [asked] }] }
    const frame = Buffer.concat(writeRequest(ListOffsets, 5, header, request)).subarray(4)
    const { body } = readResponse(ListOffsets, 5, await send(frame))
    const answer = body.topics[0]?.partitions[0]
    return answer === undefined || answer.errorCode !== 0 ? undefined : answer.offset
  },
})

const readPartition = async (client: Client, batches: readonly Written[], wrong: string[]): Promise<number> => {
  for (const { baseOffset, bytes } of batches.filter((_, i) => i % 7 === 3)) {
    const offset = await client.offsetOf(readBatchHeader(bytes).baseTimestamp)
    if (offset !== undefined && offset !== baseOffset) wrong.push(`${offset} is told for the time of ${baseOffset}`)
  }
  const last = batches.at(-1)
  const end = last ? last.baseOffset + BigInt(last.count) : 0n
  const told = await client.offsetOf(-1n)
  if (told !== undefined && told !== end) wrong.push(`the log ends at ${told}, not at ${end}`)
  let lost = 0
  for (let next = 0; next < batches.length; ) {
    const read = await readFrom(client, batches, next)
    next += read
    if (read > 0) continue
    // A person skips what cannot be had, and goes on behind it.
    lost += 1
    next += 1
  }
  return lost
}

/** How many batches one fetch brings from the `first` on, each as it was written; 0 where the client is told or notices. */
const readFrom = async (client: Client, batches: readonly Written[], first: number): Promise<number> => {
  const expected = batches[first]
  if (expected === undefined) return 0
  const records = await client.fetch(expected.baseOffset)
  if (records === undefined) return 0
  if (records.length === 0) throw new Unexpected(`nothing is at offset ${expected.baseOffset}, and no error`)
  let read = 0
  for (const position of wholeBatches(records)) {
    const bytes = records.subarray(position)
    if (bytes.readInt8(at.magic) !== 2 || !crcMatches(bytes)) return read
    const written = batches[first + read]
    if (written === undefined) throw new Unexpected('there is more than was written')
    checkBatch(bytes.subarray(0, readBatchHeader(bytes).sizeBytes), written)
    read += 1
  }
  if (read === 0) throw new Unexpected(`no whole batch is at offset ${expected.baseOffset}, and no error`)
  return read
}

/** As clients cut what they have fetched; where they cannot, they notice. */
const wholeBatches = (records: Buffer): readonly number[] => {
  try {
    return [...batchesIn(records)]
  } catch {
    return [0]
  }
}

const checkBatch = (bytes: Buffer, { baseOffset, bytes: sent }: Written): void => {
  const { partitionLeaderEpoch } = readBatchHeader(bytes)
  if (bytes.readBigInt64BE() !== baseOffset) {
    throw new Unexpected(`offset ${baseOffset} is said to be ${bytes.readBigInt64BE()}`)
  }
  if (!bytes.subarray(at.magic).equals(sent.subarray(at.magic))) {
    throw new Unexpected(`the batch at ${baseOffset} is another, with a right checksum`)
  }
  if (partitionLeaderEpoch < 0 || partitionLeaderEpoch > 4) {
    throw new Unexpected(`the batch at ${baseOffset} has leader epoch ${partitionLeaderEpoch}`)
  }
  if (recordsOf(bytes).length === 0) throw new Unexpected(`the batch at ${baseOffset} has no records`)
}

// As a program: node test/fuzz/flips.ts --flips 100000 --seed 1
if (import.meta.main) {
  const { values } = parseArgs({ options: { flips: { type: 'string', default: '10000' }, seed: { type: 'string' } } })
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  const startMs = performance.now()
  const { byKind, wrong, flips } = await flipBits({ flips: Number(values.flips), seed })
  say('| where the bit was | flips | found | harmless | most batches lost |\n|---|---:|---:|---:|---:|')
  for (const [kind, counts] of Object.entries(byKind)) {
    say(`| ${kind} | ${counts.flips} | ${counts.found} | ${counts.harmless} | ${counts.mostLost} |`)
  }
  say(`\nseed ${seed}: ${flips} flips in ${Math.round((performance.now() - startMs) / 1000)} s, ${wrong.length} wrong`)
  for (const what of wrong) say(what)
  process.exitCode = wrong.length === 0 ? 0 : 1
}
