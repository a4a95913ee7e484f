import { refusal } from '../../lib/log/decide.ts'
import type { Append, Row } from '../../lib/log/row.ts'
import { leaderEpochOf, objectsOf, partitionOf, type Segment, type State, ticketOf } from '../../lib/log/state.ts'
import { readBatchHeader } from '../../lib/protocol/batch.ts'
import type { NewItem } from '../../lib/store/items.ts'
import { recordsOf } from '../support/batches.ts'
import { isNewerRow, readingFold } from './builds.ts'
import type { LogEvent } from './history.ts'
import { difference } from './same-state.ts'
import { TrueLog } from './true-log.ts'
import type { WatcherOptions } from './watcher.ts'

/** Everything that must hold of one journal, asked at every write to it. */
export class JournalWatch {
  readonly #prefix: string
  readonly #bytes: ReadonlyMap<string, Buffer>
  readonly #options: WatcherOptions
  readonly #log = new TrueLog()
  /** The fold of the rows 1…i, for every i. */
  readonly #states: State[] = [readingFold.empty]
  readonly #named = new Set<string>()
  #checkpoint = { seq: 0, object: '', floor: 0 }

  constructor(prefix: string, bytes: ReadonlyMap<string, Buffer>, options: WatcherOptions) {
    this.#prefix = prefix
    this.#bytes = bytes
    this.#options = options
  }

  get state(): State {
    return this.#states.at(-1) ?? readingFold.empty
  }

  get floor(): number {
    return this.#checkpoint.floor
  }

  /** The name of a partition in a history. */
  partitionName(index: number): string {
    return `${this.#prefix}${index}`
  }

  /** Whether an instance that has seen so many rows knows what they say. */
  checkView(who: string, view: State): void {
    const truth = this.#states[view.seq]
    const found = truth === undefined ? 'no such row is there' : view === truth ? undefined : difference(view, truth)
    if (found !== undefined) this.#report('wrong-view', `${who} at ${view.seq}: ${found}`)
  }

  onRow(seq: number, item: NewItem): void {
    if (seq <= this.#checkpoint.floor) {
      this.#options.hit('late put into a truncated slot')
      return
    }
    const before = this.state
    if (seq !== before.seq + 1) {
      this.#report(seq > before.seq ? 'hole' : 'row-replaced', `row ${seq} after ${before.seq}`)
      return
    }
    const row = readingFold.decodeRow(item.body)
    this.#options.hit(`row: ${row.kind}`)
    if (isNewerRow(item.body)) this.#options.hit('row of a newer version')
    if (row.id !== item.attempt) this.#report('wrong-attempt', `row ${seq}`)
    this.#checkRow(before, row)
    const after = readingFold.apply(before, row)
    this.#states.push(after)
    this.#follow(before, row)
    this.#checkState(before, after)
  }

  onRowDeleted(seq: number): void {
    if (seq > this.#checkpoint.floor) this.#report('row-lost', `row ${seq}, the floor is ${this.#checkpoint.floor}`)
    else this.#options.hit('row truncated')
  }

  onCheckpoint(body: Buffer): void {
    const before = this.#checkpoint
    const now: typeof before = JSON.parse(body.toString())
    this.#checkpoint = now
    const what = `checkpoint ${now.seq} floor ${now.floor} after ${before.seq} floor ${before.floor}`
    if (now.seq < before.seq || now.floor < before.floor) this.#report('checkpoint-back', what)
    if (now.floor > now.seq) this.#report('floor-above-checkpoint', what)
    if (now.floor > 0 && this.state.seq <= now.floor) this.#report('floor-without-successor', what)
    if (now.object === before.object) return
    this.#options.hit('checkpoint written')
    const bytes = this.#bytes.get(this.#prefix + now.object)
    const truth = this.#states[now.seq]
    if (bytes === undefined) this.#report('dangling', now.object)
    else if (truth === undefined) this.#report('wrong-checkpoint', what)
    else {
      const found = difference(readingFold.decodeState(bytes, this.#prefix), truth)
      if (found !== undefined) this.#report('wrong-checkpoint', `${what}: ${found}`)
      if ([...truth.partitions.values()].some(({ tail }) => tail.some(({ source }) => source.in === 'row')))
        this.#options.hit('checkpoint with inline bytes')
    }
  }

  onObjectDeleted(key: string): void {
    if (!key.startsWith(this.#prefix)) return
    const name = key.slice(this.#prefix.length)
    if (objectsOf(this.state).has(name) || this.#checkpoint.object === name) this.#report('dangling', `${name} deleted`)
    if (name.startsWith('ckpt/')) this.#options.hit('old checkpoint swept')
    else this.#options.hit(this.#named.has(name) ? 'flushed or merged object swept' : 'orphan swept')
  }

  /** Every object that the state or the checkpoint item names is there. */
  checkReferences(): void {
    const names = [...objectsOf(this.state), ...(this.#checkpoint.object === '' ? [] : [this.#checkpoint.object])]
    for (const name of names) if (!this.#bytes.has(this.#prefix + name)) this.#report('dangling', name)
  }

  #checkRow(before: State, row: Row): void {
    const what = `row ${before.seq + 1} ${row.kind} ${row.id}`
    if (row.kind !== 'append') {
      const reason = refusal(before, row)
      if (reason !== undefined) this.#report('refused-row', `${what}: ${reason}`)
      return
    }
    if (before.ended) this.#report('refused-row', `${what}: the topic is deleted`)
    if (row.leaderEpoch !== undefined && row.leaderEpoch !== leaderEpochOf(before))
      this.#report('refused-row', `${what}: epoch ${row.leaderEpoch}, it is ${leaderEpochOf(before)}`)
    if (row.bytes.in === 'object' && ticketOf(row.bytes.name) < before.tickets)
      this.#report('refused-row', `${what}: ${row.bytes.name}, tickets are at ${before.tickets}`)
  }

  /** Tells the history what the row does to the log, counted here and not by the fold. */
  #follow(before: State, row: Row): void {
    if (row.kind === 'append') this.#followAppend(row, leaderEpochOf(before))
    else if (row.kind === 'trim') {
      const partition = this.partitionName(row.partition)
      this.#record({ event: 'trimmed', order: this.#options.tick(), partition, logStart: Number(row.logStartOffset) })
    } else if (row.kind === 'flush') {
      for (const { partition, segment } of row.segments) this.#checkSegment(partition, segment)
      const planned = [...before.partitions.values()].some(({ tail }) => tail.some(({ seq }) => seq > row.upTo))
      if (planned) this.#options.hit('flush of a part of the tail')
    } else if (row.kind === 'rewrite') for (const segment of row.added) this.#checkSegment(row.partition, segment)
  }

  #followAppend(row: Append, leaderEpoch: number): void {
    const order = this.#options.tick()
    const bytes = row.bytes.in === 'row' ? row.bytes.bytes : this.#bytes.get(this.#prefix + row.bytes.name)
    if (bytes === undefined) {
      this.#report('dangling', `a new row names ${row.bytes.in === 'object' ? row.bytes.name : ''}`)
      return
    }
    this.#options.hit(row.bytes.in === 'row' ? 'inline row' : 'row with an object')
    for (const batch of row.batches) {
      const partition = this.partitionName(batch.partition)
      const { producerId, producerEpoch: epoch, baseSequence: base } = batch
      const own = bytes.subarray(batch.position, batch.position + batch.sizeBytes)
      const header = readBatchHeader(own)
      if (header.sizeBytes !== own.length || header.count !== batch.count || header.producerId !== producerId)
        this.#report('wrong-bytes', `of a batch in ${partition}`)
      const records = recordsOf(own).map(({ value, timestamp }) => ({
        value: value?.toString('latin1') ?? '',
        timestamp: Number(timestamp),
      }))
      const baseOffset = this.#log.partition(partition).records.length
      const sequence = producerId < 0n ? undefined : { producerId: Number(producerId), epoch, base }
      this.#record({ event: 'appended', order, partition, baseOffset, records, sequence, leaderEpoch })
    }
  }

  #record(event: LogEvent): void {
    this.#log.add(event)
    this.#options.record(event)
  }

  #checkSegment(index: number, segment: Segment): void {
    const bytes = this.#bytes.get(this.#prefix + segment.name)
    if (bytes === undefined) return
    const { records } = this.#log.partition(this.partitionName(index))
    let offset = Number(segment.baseOffset)
    for (const record of recordsOf(bytes.subarray(segment.position, segment.position + segment.sizeBytes))) {
      if (Number(record.offset) !== offset || records[offset]?.value !== record.value?.toString('latin1'))
        this.#report('wrong-segment', `${segment.name} at ${offset}`)
      offset += 1
    }
    if (offset !== Number(segment.endOffset)) this.#report('wrong-segment', `${segment.name} ends at ${offset}`)
  }

  #checkState(before: State, after: State): void {
    for (const partition of after.partitions.values()) {
      const earlier = partitionOf(before, partition.index)
      if (earlier === partition) continue
      const name = this.partitionName(partition.index)
      const { logStartOffset, endOffset, segments, tail } = partition
      if (logStartOffset < earlier.logStartOffset || endOffset < earlier.endOffset) this.#report('log-back', name)
      if (Number(endOffset) !== this.#log.partition(name).records.length) this.#report('wrong-end', name)
      if (Number(logStartOffset) !== this.#log.startAt(name, Number.POSITIVE_INFINITY))
        this.#report('wrong-start', name)
      const pieces = [
        ...segments.map((segment) => [segment.baseOffset, segment.endOffset] as const),
        ...tail.map(({ baseOffset, count }) => [baseOffset, baseOffset + BigInt(count)] as const),
      ]
      let next = pieces[0]?.[0] ?? endOffset
      if (next > logStartOffset) this.#report('uncovered', `${name} from ${logStartOffset} to ${next}`)
      for (const [from, to] of pieces) {
        if (from !== next || to <= logStartOffset)
          this.#report('uncovered', `${name} at ${next}, found ${from} to ${to}`)
        next = to
      }
      if (next !== endOffset) this.#report('uncovered', `${name} from ${next} to ${endOffset}`)
    }
    if (after.flushed < before.flushed) this.#report('flushed-back', `${before.flushed} to ${after.flushed}`)
    if (after.tickets < before.tickets) this.#report('tickets-back', `${before.tickets} to ${after.tickets}`)
    if (leaderEpochOf(after) < leaderEpochOf(before)) this.#report('leader-epoch-back', `${leaderEpochOf(after)}`)
    const references = objectsOf(after)
    const earlier = objectsOf(before)
    for (const name of references) {
      if (earlier.has(name)) continue
      this.#named.add(name)
      if (!this.#bytes.has(this.#prefix + name)) this.#report('dangling', `row ${after.seq} names ${name}`)
    }
  }

  #report(anomaly: string, detail: string): void {
    this.#options.report(anomaly, `${this.#prefix} ${detail}`)
  }
}
