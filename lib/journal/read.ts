import { type FetchRange, type Piece, planFetch } from '../log/fetch.ts'
import { endOfCutPlace, maxTimestampOf, placeOfTimestamp } from '../log/list-offsets.ts'
import { endOf, firstInSegment, firstInTail, isSound, lastToExceed, placedBatches } from '../log/slice.ts'
import { partitionOf, type State } from '../log/state.ts'
import { ObjectNotFound } from '../store/objects.ts'
import type { LogBytes } from './bytes.ts'
import { JournalDamaged } from './journal.ts'
import type { Lane } from './lane.ts'

export type Fetched =
  | { readonly outcome: 'out of range'; readonly logStartOffset: bigint; readonly highWatermark: bigint }
  | {
      readonly outcome: 'fetched'
      readonly logStartOffset: bigint
      readonly highWatermark: bigint
      /** Whole batches with true offsets, in order; none at the end of the log. */
      readonly records: readonly Buffer[]
    }

/** Objects may be rewritten and swept between a plan and its reads, but not so often in a row. */
const maxPlans = 10

/**
 * Records of a partition from an offset on. An answer that ends something, out of range or nothing more, is looked up
 * in the journal first; bytes are read where the state says they are, and never skipped when they are not there.
 * Throws `JournalGone`, `JournalDamaged`, `StoreUnavailable`.
 */
export const fetchRecords = async (
  lane: Lane,
  bytes: LogBytes,
  partitionIndex: number,
  range: FetchRange,
): Promise<Fetched> =>
  withPresentObjects(async (how) => {
    let plan = planFetch(await lane.state(how), partitionIndex, range)
    if (plan.outcome === 'planned' && plan.pieces.length === 0 && how === 'known') {
      plan = planFetch(await lane.state('extended'), partitionIndex, range)
    }
    if (plan.outcome === 'out of range') plan = planFetch(await lane.state('confirmed'), partitionIndex, range)
    if (plan.outcome === 'out of range') return plan
    const { logStartOffset, highWatermark, pieces } = plan
    return { outcome: 'fetched', logStartOffset, highWatermark, records: await readPieces(lane, bytes, pieces) }
  })

/**
 * Segments come before the tail, among the pieces as in the log. A batch that is damaged ends what is read, so that it
 * is never skipped; throws what was found when nothing stands before it.
 */
const readPieces = async (lane: Lane, bytes: LogBytes, pieces: readonly Piece[]): Promise<readonly Buffer[]> => {
  const { shard } = lane.journal
  const tail = pieces.flatMap((piece) => (piece.from === 'tail' ? [piece.batch] : []))
  const [slices, fromTail] = await Promise.all([
    Promise.allSettled(pieces.flatMap((piece) => (piece.from === 'segment' ? [bytes.ofSegment(shard, piece)] : []))),
    bytes.ofTail(shard, tail),
  ])
  const records: Buffer[] = []
  for (const [i, slice] of slices.entries()) {
    const piece = pieces[i]
    if (slice.status === 'rejected') {
      if (records.length > 0 && !(slice.reason instanceof ObjectNotFound)) return records
      throw slice.reason
    }
    const { bytes: batches, endOffset } = slice.value
    if (piece?.from !== 'segment') throw new Error('segments come before the tail')
    // Only the first batch can be larger than the limit: nothing has been read behind it.
    if (batches.length > piece.limitBytes && !piece.atLeastOne) return records
    records.push(batches)
    if (endOffset < piece.segment.endOffset) return records
  }
  const damaged = tail.findIndex((batch, i) => !isSound(batch, fromTail[i]))
  if (damaged === 0 && records.length === 0)
    throw new JournalDamaged(`offset ${tail[0]?.baseOffset} is not what it was`)
  return [...records, ...placedBatches(damaged < 0 ? tail : tail.slice(0, damaged), fromTail)]
}

export type FoundOffset = { readonly offset: bigint; readonly timestamp: bigint }

/** The first record whose timestamp is at least this, exact to the record; undefined when there is none (KIP-79). */
export const offsetAtTimestamp = async (
  lane: Lane,
  bytes: LogBytes,
  partitionIndex: number,
  timestamp: bigint,
): Promise<FoundOffset | undefined> =>
  withPresentObjects(async () => findTimestamp(lane, bytes, await lane.state('confirmed'), partitionIndex, timestamp))

/** The first record with the largest timestamp; undefined when the partition is empty (KIP-734). */
export const offsetOfMaxTimestamp = async (
  lane: Lane,
  bytes: LogBytes,
  partitionIndex: number,
): Promise<FoundOffset | undefined> =>
  withPresentObjects(async () => {
    const state = await lane.state('confirmed')
    const cut = await maxOfCutPlace(lane, bytes, state, partitionIndex)
    const max = maxTimestampOf(state, partitionIndex)
    if (max === undefined || (cut && cut.timestamp >= max)) return cut
    return findTimestamp(lane, bytes, state, partitionIndex, max)
  })

/** What is left of the place in which the log starts is known only from its records. */
const maxOfCutPlace = async (
  lane: Lane,
  bytes: LogBytes,
  state: State,
  partitionIndex: number,
): Promise<FoundOffset | undefined> => {
  const end = endOfCutPlace(state, partitionIndex)
  const { logStartOffset } = partitionOf(state, partitionIndex)
  let max: FoundOffset | undefined
  for (let offset = logStartOffset; end !== undefined && offset < end; ) {
    const plan = planFetch(state, partitionIndex, { offset, maxBytes: scanBytes, atLeastOne: true })
    const [piece] = plan.outcome === 'planned' ? plan.pieces : []
    if (piece === undefined) return max
    const batches = Buffer.concat(await readPieces(lane, bytes, [piece]))
    const found = lastToExceed(batches, offset, max?.timestamp)
    if (found) max = found
    offset = endOf(batches)
  }
  return max
}

const findTimestamp = async (
  lane: Lane,
  bytes: LogBytes,
  state: State,
  partitionIndex: number,
  timestamp: bigint,
): Promise<FoundOffset | undefined> => {
  const place = placeOfTimestamp(state, partitionIndex, timestamp)
  if (place === undefined) return undefined
  const { shard } = lane.journal
  const found =
    place.in === 'segment'
      ? firstInSegment(await bytes.ofTimestamp(shard, place.segment, timestamp), timestamp)
      : firstInTail(place.batch, Buffer.concat(await bytes.ofTail(shard, [place.batch])), timestamp)
  const { logStartOffset } = partitionOf(state, partitionIndex)
  if (found && found.offset >= logStartOffset) return found
  // The place begins with records that were trimmed: look at each one from the log's start on.
  return scanFrom(lane, bytes, state, partitionIndex, logStartOffset, timestamp)
}

/** Bytes of a step of a scan. */
const scanBytes = 1024 * 1024

const scanFrom = async (
  lane: Lane,
  bytes: LogBytes,
  state: State,
  partitionIndex: number,
  logStartOffset: bigint,
  timestamp: bigint,
): Promise<FoundOffset | undefined> => {
  let offset = logStartOffset
  for (;;) {
    const plan = planFetch(state, partitionIndex, { offset, maxBytes: scanBytes, atLeastOne: true })
    if (plan.outcome === 'out of range' || plan.pieces.length === 0) return undefined
    for (const piece of plan.pieces) {
      const batches = Buffer.concat(await readPieces(lane, bytes, [piece]))
      if (batches.length === 0) break
      const found = firstInSegment(batches, timestamp, logStartOffset)
      if (found) return found
      offset = endOf(batches)
      if (offset < endOfPiece(piece)) break
    }
  }
}

const endOfPiece = (piece: Piece): bigint =>
  piece.from === 'segment' ? piece.segment.endOffset : piece.batch.baseOffset + BigInt(piece.batch.count)

/**
 * Reads, and when an object is not there looks at the journal and plans again: it was rewritten and swept meanwhile.
 * The same object missing twice is damage, never "empty".
 */
const withPresentObjects = async <Result>(read: (how: 'known' | 'confirmed') => Promise<Result>): Promise<Result> => {
  const missing = new Set<string>()
  for (let plan = 0; plan < maxPlans; plan++) {
    try {
      return await read(plan === 0 ? 'known' : 'confirmed')
    } catch (error) {
      if (!(error instanceof ObjectNotFound)) throw error
      if (missing.has(error.message)) throw new JournalDamaged(`${error.message} is missing`, { cause: error })
      missing.add(error.message)
    }
  }
  throw new JournalDamaged('objects vanish faster than they can be read')
}
