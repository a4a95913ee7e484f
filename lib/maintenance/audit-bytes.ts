import { NewerFormat } from '../log/at-rest.ts'
import { blockProblem, indexProblem, tailProblem } from '../log/check-bytes.ts'
import { type Block, decodeIndex } from '../log/segment.ts'
import type { Partition, Segment, TailBatch } from '../log/state.ts'
import { objectKey, type Shard } from '../store/keys.ts'
import { ObjectNotFound, type Objects } from '../store/objects.ts'
import type { Found } from './audit-journal.ts'
import { type AuditCounts, addCounts, noCounts, type ProblemKind } from './audit-report.ts'
import { saidOf } from './audit-stores.ts'

export type ObjectsAudit = { readonly counts: AuditCounts; readonly found: readonly Found[] }

/** Bytes to be read, which are in this object, or in a row. */
type Check = { readonly object: string | undefined; readonly run: () => Promise<ObjectsAudit> }

/** Blocks of a segment that are read together, in bytes; a single block may be larger. */
const maxRunBytes = 4 * 1024 * 1024

/** What has to be read to look at about `sample` pieces of a partition: batches of its tail, blocks of its segments. */
export const checksOf = (objects: Objects, shard: Shard, partition: Partition, sample: number): readonly Check[] => {
  const pieces = [...partition.segments, ...partition.tail]
  const blocksEach = Math.max(1, Math.ceil(sample / Math.max(1, pieces.length)))
  return evenly(pieces, sample).map((piece): Check => {
    if ('source' in piece) {
      const object = piece.source.in === 'object' ? piece.source.name : undefined
      return { object, run: () => checkTail(objects, shard, partition.index, piece) }
    }
    return { object: piece.name, run: () => checkSegment(objects, shard, partition.index, piece, blocksEach) }
  })
}

/** So many of a list, the first and the last among them; all when there are no more. */
const evenly = <Element>(list: readonly Element[], wanted: number): readonly Element[] => {
  if (list.length <= wanted) return list
  if (wanted <= 1) return list.slice(list.length - wanted)
  const step = (list.length - 1) / (wanted - 1)
  return Array.from({ length: wanted }, (_, i) => list[Math.round(i * step)]).filter((one) => one !== undefined)
}

const checkTail = async (
  objects: Objects,
  shard: Shard,
  partition: number,
  batch: TailBatch,
): Promise<ObjectsAudit> => {
  const { source, sizeBytes } = batch
  const counts = addCounts(noCounts, { batches: 1 })
  const tell = (kind: ProblemKind, what: string, object?: string): ObjectsAudit => ({
    counts,
    found: [{ kind, partition, what: `${object ?? `row ${batch.seq}`}: ${what}`, object }],
  })
  if (source.in === 'row') {
    const problem = tailProblem(batch, source.bytes)
    return problem === undefined ? { counts, found: [] } : tell('rows', problem)
  }
  try {
    const range = { position: source.position, length: sizeBytes }
    const problem = tailProblem(batch, await objects.read(objectKey(shard, source.name), range))
    return problem === undefined ? { counts, found: [] } : tell('bytes', problem, source.name)
  } catch (error) {
    return tell(kindOf(error, 'bytes'), saidOf(error), source.name)
  }
}

const checkSegment = async (
  objects: Objects,
  shard: Shard,
  partition: number,
  segment: Segment,
  blocksWanted: number,
): Promise<ObjectsAudit> => {
  const found: Found[] = []
  const tell = (kind: ProblemKind, what: string): void => {
    const where = `${segment.name} from offset ${segment.baseOffset}`
    found.push({ kind, partition, object: segment.name, what: `${where}: ${what}` })
  }
  const read = (position: number, length: number): Promise<Buffer> =>
    objects.read(objectKey(shard, segment.name), { position: segment.position + position, length })
  let spans: readonly Span[]
  try {
    const index = decodeIndex(await read(segment.sizeBytes, segment.indexBytes))
    const problem = indexProblem(segment, index)
    if (problem !== undefined) tell('index', problem)
    spans = problem === undefined ? spansOf(segment, index) : []
  } catch (error) {
    tell(kindOf(error, 'index'), saidOf(error))
    spans = []
  }
  const wanted = evenly(spans, blocksWanted)
  for (const run of runsOf(wanted)) {
    try {
      const bytes = await read(run.position, run.length)
      for (const { block, endOffset, length } of run.spans) {
        const start = block.position - run.position
        const problem = blockProblem(block, endOffset, bytes.subarray(start, start + length))
        if (problem !== undefined) tell('bytes', problem)
      }
    } catch (error) {
      tell(kindOf(error, 'bytes'), saidOf(error))
    }
  }
  return { counts: addCounts(noCounts, { blocks: wanted.length }), found }
}

/** A block with its bounds, in bytes and in offsets. */
type Span = { readonly block: Block; readonly length: number; readonly endOffset: bigint }

const spansOf = (segment: Segment, index: readonly Block[]): readonly Span[] =>
  index.map((block, i) => ({
    block,
    length: (index[i + 1]?.position ?? segment.sizeBytes) - block.position,
    endOffset: index[i + 1]?.baseOffset ?? segment.endOffset,
  }))

type Run = { readonly position: number; readonly length: number; readonly spans: readonly Span[] }

/** Blocks that follow each other, in reads that are not too large. */
const runsOf = (spans: readonly Span[]): readonly Run[] => {
  const runs: Run[] = []
  for (const span of spans) {
    const last = runs.at(-1)
    const { position } = span.block
    if (last && last.position + last.length === position && last.length + span.length <= maxRunBytes) {
      runs[runs.length - 1] = { ...last, length: last.length + span.length, spans: [...last.spans, span] }
    } else runs.push({ position, length: span.length, spans: [span] })
  }
  return runs
}

const kindOf = (error: unknown, otherwise: ProblemKind): ProblemKind => {
  if (error instanceof ObjectNotFound) return 'object'
  return error instanceof NewerFormat ? 'format' : otherwise
}
