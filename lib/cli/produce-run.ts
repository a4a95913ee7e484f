import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { realClock } from '../clock.ts'
import { type Client, clientFor, inPath, ServerRefused } from './client.ts'
import type { Surroundings } from './command.ts'
import { CommandError, type Exit, exits } from './failures.ts'
import { lineBatches } from './line-queue.ts'
import { type Column, type Format, printRows } from './output.ts'
import { Pace } from './pace.ts'
import { type LineOptions, type RecordBody, recordOfLine } from './record-line.ts'
import type { ClientFlags } from './server-address.ts'
import { stopSignal } from './stop-signal.ts'

export type ProduceOptions = {
  readonly topic: string
  readonly client: ClientFlags
  /** Undefined: stdin. */
  readonly file: string | undefined
  readonly lines: LineOptions
  readonly perSecond: number | undefined
  readonly format: Format
  readonly isQuiet: boolean
}

/** Of one request: what a function takes, and a batch of a topic, with room for what JSON adds. */
const maxRequestBytes = 512 * 1024
const maxRequestRecords = 5000
/** Whoever waits is told how far it is. */
const progressEveryMs = 2000

/** Where records have come to stand in a partition. */
type Appended = { readonly partition: number; records: number; first: number; last: number }

export const runProduce = async (options: ProduceOptions, around: Surroundings): Promise<Exit> => {
  const { topic, file, lines, perSecond, format, isQuiet } = options
  const client = clientFor(options.client, around)
  const stopping = stopSignal()
  const input = file === undefined ? around.in : await opened(file)
  if (file === undefined && around.in.isTTY && !isQuiet) around.err.write('a line is a record; Ctrl-D ends\n')
  const endInput = (): void => void input.destroy()
  stopping.addEventListener('abort', endInput)
  const pace = perSecond === undefined ? undefined : new Pace(perSecond, realClock)
  const appended = new Map<number, Appended>()
  const progress = new Progress(around.err, isQuiet)
  const run = realClock.randomId()
  let lineNumber = 0
  let requests = 0
  const limits = { maxLines: pace?.atOnce ?? maxRequestRecords, maxBytes: maxRequestBytes }
  try {
    for await (const batch of lineBatches(input, limits)) {
      const bodies = batch.map((line, i) => recordOfLine(line, lineNumber + i + 1, lines))
      await pace?.pass(bodies.length, stopping)
      if (stopping.aborted) break
      requests += 1
      const places = await send(client, { topic, bodies, identity: `wadi-produce-${run}-${requests}` })
      count(places, appended)
      lineNumber += batch.length
      progress.tell(
        lineNumber,
        batch.reduce((sum, { length }) => sum + length, 0),
      )
    }
  } catch (error) {
    if (!stopping.aborted) {
      if (lineNumber > 0) around.err.write(`${lineNumber} records were appended before\n`)
      throw error
    }
  }
  const rows = [...appended.values()].toSorted((a, b) => a.partition - b.partition)
  printRows({ command: 'produce', rows, columns }, format, around)
  if (!stopping.aborted) return exits.ok
  if (!isQuiet) around.err.write(`stopped: ${lineNumber} records are appended, what follows them is not\n`)
  return exits.error
}

const columns: readonly Column<Appended>[] = [
  { name: 'partition', of: ({ partition }) => partition, isNumber: true },
  { name: 'records', of: ({ records }) => records, isNumber: true },
  { name: 'first', of: ({ first }) => first, isNumber: true },
  { name: 'last', of: ({ last }) => last, isNumber: true },
]

/** Throws `CommandError`. */
const opened = async (file: string): Promise<Readable> => {
  const stream = createReadStream(file, { highWaterMark: maxRequestBytes })
  try {
    await once(stream, 'open')
    return stream
  } catch (error) {
    throw new CommandError(`--file ${file}: ${error instanceof Error ? error.message : error}`)
  }
}

type Place = { readonly partition: number; readonly offset: number }

type Sent = { readonly topic: string; readonly bodies: readonly RecordBody[]; readonly identity: string }

/** What is too large for one request goes in two, each with an identity that a repeat has too. */
const send = async (client: Client, sent: Sent): Promise<readonly Place[]> => {
  const { topic, bodies, identity } = sent
  try {
    const { records }: { readonly records: readonly Place[] } = await client.ask({
      method: 'POST',
      path: `/v1/topics/${inPath(topic)}/records`,
      headers: { 'idempotency-key': identity },
      body: { records: bodies },
      isRepeatable: true,
    })
    return records
  } catch (error) {
    const isTooLarge = error instanceof ServerRefused && error.code === 'TOO_LARGE'
    if (!isTooLarge) throw error
    if (bodies.length === 1) throw tooLarge(topic, bodies, error)
    const half = Math.ceil(bodies.length / 2)
    const first = await send(client, { topic, bodies: bodies.slice(0, half), identity: `${identity}a` })
    const second = await send(client, { topic, bodies: bodies.slice(half), identity: `${identity}b` })
    return [...first, ...second]
  }
}

/** Nothing that is sent at once with it makes it too large: batches are no help. */
const tooLarge = (topic: string, bodies: readonly RecordBody[], cause: ServerRefused): CommandError => {
  const sizeBytes = Buffer.byteLength(JSON.stringify(bodies))
  const limit = `\`wadi topic describe ${topic}\` tells its maxMessageBytes`
  const told = `a record of about ${sizeBytes} bytes is too large for the topic, or for one request: ${limit}`
  return new CommandError(`${told}\n  ${cause.code}, request ${cause.problem['requestId'] ?? 'unknown'}`, exits.error, {
    cause,
  })
}

const count = (places: readonly Place[], appended: Map<number, Appended>): void => {
  for (const { partition, offset } of places) {
    const known = appended.get(partition)
    if (known === undefined) appended.set(partition, { partition, records: 1, first: offset, last: offset })
    else {
      known.records += 1
      known.first = Math.min(known.first, offset)
      known.last = Math.max(known.last, offset)
    }
  }
}

/** Tells how far a long input is. */
class Progress {
  readonly #err: NodeJS.WriteStream
  readonly #isQuiet: boolean
  readonly #startMs = realClock.now()
  #toldMs = realClock.now()
  #bytes = 0

  constructor(err: NodeJS.WriteStream, isQuiet: boolean) {
    this.#err = err
    this.#isQuiet = isQuiet
  }

  tell(records: number, moreBytes: number): void {
    this.#bytes += moreBytes
    const nowMs = realClock.now()
    if (this.#isQuiet || nowMs - this.#toldMs < progressEveryMs) return
    this.#toldMs = nowMs
    const perSecond = Math.round((1000 * records) / (nowMs - this.#startMs))
    this.#err.write(`${records} records, ${(this.#bytes / 2 ** 20).toFixed(1)} MiB, ${perSecond} in a second\n`)
  }
}
