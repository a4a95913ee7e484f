import { once } from 'node:events'
import { realClock } from '../clock.ts'
import { decodeCursor, encodeCursor } from '../http/cursor.ts'
import { type Client, clientFor, inPath, ServerRefused } from './client.ts'
import type { Surroundings } from './command.ts'
import { type Exit, exits } from './failures.ts'
import type { Range } from './offset-range.ts'
import type { ReadRecord, RecordFormat } from './record-text.ts'
import type { ClientFlags } from './server-address.ts'
import { stopSignal } from './stop-signal.ts'
import type { MeasuredTopic } from './topic.ts'

export type ConsumeOptions = {
  readonly topics: readonly string[]
  readonly client: ClientFlags
  readonly format: RecordFormat
  /** Records after which it ends. */
  readonly count: number
  readonly isQuiet: boolean
}

type ReadOptions = ConsumeOptions & {
  readonly range: Range
  readonly partition: number | undefined
  readonly key: string | undefined
  readonly where: string | undefined
}

const pageRecords = 1000
/** What a server of one's own waits for records at most; others answer at once. */
const maxWaitMs = 20_000
/** Between two looks at a topic in which nothing happens, where the server does not wait. */
const firstPauseMs = 250
const maxPauseMs = 5000

export const runConsume = async (options: ReadOptions, around: Surroundings): Promise<Exit> => {
  const ended = new AbortController()
  const stopping = AbortSignal.any([stopSignal(), ended.signal])
  const printer = new Printer(options, around.out)
  const client = clientFor(options.client, around)
  const readers = options.topics.map((topic) => new TopicReader(client, topic, options, printer, around.err))
  try {
    await Promise.all(
      readers.map(async (reader) => {
        await reader.read(stopping)
        // Enough is printed: nobody has to wait for another topic.
        if (printer.left === 0) ended.abort()
      }),
    )
  } catch (error) {
    if (!stopping.aborted) throw error
  } finally {
    ended.abort()
    if (!options.isQuiet) for (const reader of readers) reader.tellCursor()
  }
  return exits.ok
}

/** Prints records as far as they are wanted, no faster than they are read. */
export class Printer {
  left: number
  readonly #format: RecordFormat
  readonly #out: NodeJS.WriteStream

  constructor({ count, format }: Pick<ConsumeOptions, 'count' | 'format'>, out: NodeJS.WriteStream) {
    this.left = count
    this.#format = format
    this.#out = out
  }

  /** Of these, the ones that were not wanted any more. */
  async print(records: readonly ReadRecord[]): Promise<readonly ReadRecord[]> {
    const wanted = records.slice(0, this.left)
    this.left -= wanted.length
    const chunks = wanted.map((record) => Buffer.from(this.#format.textOf(record)))
    if (chunks.length > 0 && !this.#out.write(Buffer.concat(chunks))) await once(this.#out, 'drain')
    return records.slice(wanted.length)
  }
}

type Page = {
  readonly records: readonly Omit<ReadRecord, 'topic'>[]
  readonly next: string
  readonly upToDate: boolean
}

class TopicReader {
  readonly #client: Client
  readonly #topic: string
  readonly #options: ReadOptions
  readonly #printer: Printer
  readonly #err: NodeJS.WriteStream
  /** Where the partitions begin and end, where somebody has to know. */
  #offsets: MeasuredTopic['offsets'] = []
  /** Behind what is printed. */
  #cursor: string | undefined

  constructor(client: Client, topic: string, options: ReadOptions, printer: Printer, err: NodeJS.WriteStream) {
    this.#client = client
    this.#topic = topic
    this.#options = options
    this.#printer = printer
    this.#err = err
  }

  tellCursor(): void {
    if (this.#cursor !== undefined) this.#err.write(`to go on: wadi consume ${this.#topic} -o ${this.#cursor}\n`)
  }

  /** Until the range ends, enough is printed, or somebody stops it. */
  async read(stopping: AbortSignal): Promise<void> {
    const { range } = this.#options
    const ends = await this.#ends()
    let from = this.#start()
    for (let pauseMs = firstPauseMs; this.#printer.left > 0 && !stopping.aborted; ) {
      const startMs = realClock.now()
      // The first page comes at once: with it is known where to go on.
      const isFollowing = range.until === undefined && this.#cursor !== undefined
      const page = await this.#page(from, isFollowing ? maxWaitMs : 0, stopping)
      if (page === undefined) return
      from = page.next
      if (page.records.length > 0) pauseMs = firstPauseMs
      this.#cursor = behind(page.next, await this.#print(page.records, ends))
      if (ends !== undefined && hasReached(page, ends)) return
      const hasWaited = realClock.now() - startMs >= maxWaitMs / 2
      if (page.records.length > 0 || !page.upToDate || hasWaited) continue
      await realClock.sleep(pauseMs, stopping)
      pauseMs = Math.min(maxPauseMs, 2 * pauseMs)
    }
  }

  /** What is printed no more; the rest of what was not. */
  async #print(records: Page['records'], ends: Ends | undefined): Promise<readonly ReadRecord[]> {
    const { until } = this.#options.range
    const named = records.map((record) => ({ topic: this.#topic, ...record }))
    const isBehind = ({ partition, offset }: ReadRecord): boolean => offset >= (ends?.get(partition) ?? Infinity)
    const isLate = ({ timestamp }: ReadRecord): boolean => until?.kind === 'time' && (timestamp ?? 0) >= until.timeMs
    const unwanted = await this.#printer.print(named.filter((record) => !isBehind(record) && !isLate(record)))
    return [...unwanted, ...named.filter(isBehind)]
  }

  /** Undefined when it is stopped. Goes on behind records that are gone or cannot be read, and says so. */
  async #page(from: string, waitMs: number, stopping: AbortSignal): Promise<Page | undefined> {
    const { partition, key, where, format } = this.#options
    const limit = Math.min(pageRecords, this.#printer.left)
    const query = { limit, wait: waitMs || undefined, partition, key, where, format: format.values }
    const path = `/v1/topics/${inPath(this.#topic)}/records`
    for (let cursor = from; ; ) {
      try {
        return await this.#client.ask<Page>({ path, query: { ...query, from: cursor }, waitMs, stopping })
      } catch (error) {
        if (stopping.aborted) return undefined
        const next = error instanceof ServerRefused ? this.#next(error) : undefined
        if (next === undefined) throw error
        this.#err.write(`wadi consume: ${error instanceof Error ? error.message : error}\n`)
        cursor = next
      }
    }
  }

  #next({ code, problem }: ServerRefused): string | undefined {
    // Who named a cursor himself has to know that it is none; whoever has read so far reads on.
    const told = code === 'UNREADABLE' ? problem['next'] : code === 'CURSOR_EXPIRED' && problem['earliest']
    const mayGoOn = code === 'UNREADABLE' || this.#cursor !== undefined
    return mayGoOn && typeof told === 'string' ? told : undefined
  }

  /** Where reading ends in each partition; undefined where it goes on. */
  async #ends(): Promise<Ends | undefined> {
    const { from, until } = this.#options.range
    if (until === undefined && from.kind === 'place') return undefined
    const { offsets }: MeasuredTopic = await this.#client.ask({ path: `/v1/topics/${inPath(this.#topic)}` })
    this.#offsets = offsets.filter(
      ({ partition }) => this.#options.partition === undefined || partition === this.#options.partition,
    )
    if (until === undefined) return undefined
    return new Map(
      this.#offsets.map(({ partition, latest }) => [
        partition,
        until.kind === 'offset' ? Math.min(until.offset, latest) : latest,
      ]),
    )
  }

  #start(): string {
    const { from } = this.#options.range
    if (from.kind === 'place') return from.from
    const places = this.#offsets.map(
      ({ partition, earliest, latest }) => `p${partition}:${Math.min(Math.max(from.offset, earliest), latest)}`,
    )
    return places.length === 0 ? 'earliest' : places.join(',')
  }
}

/** The first offset that is not read, by partition. */
type Ends = ReadonlyMap<number, number>

const hasReached = (page: Page, ends: Ends): boolean => {
  const positions = decodeCursor(page.next)?.positions
  if (positions === undefined) return page.upToDate
  return [...ends].every(([partition, end]) => Number(positions.get(partition) ?? end) >= end)
}

/** The cursor before the first of these in each partition. */
const behind = (next: string, unprinted: readonly ReadRecord[]): string => {
  const cursor = decodeCursor(next)
  if (cursor === undefined || unprinted.length === 0) return next
  const positions = new Map(cursor.positions)
  for (const { partition, offset } of unprinted) {
    const position = positions.get(partition)
    if (position === undefined || BigInt(offset) < position) positions.set(partition, BigInt(offset))
  }
  return encodeCursor({ ...cursor, positions })
}
