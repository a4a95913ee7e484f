import type { State } from '../log/state.ts'
import { objectKey, type Shard } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'
import { checksOf, type ObjectsAudit } from './audit-bytes.ts'
import type { Found } from './audit-journal.ts'
import { type AuditCounts, addCounts, noCounts } from './audit-report.ts'

type ObjectsAuditOptions = {
  readonly state: State
  /** The name of the checkpoint's object, empty where there is none. */
  readonly checkpoint: string
  readonly sample: number
  readonly onRead: (read: number, toRead: number) => void
}

/** Batches and segments that are read at once. */
const readsAtOnce = 8

/**
 * Every object that the state names is there and large enough; then the bytes of `sample` pieces of each partition are
 * those that rows and indexes speak of, a piece being a batch of the tail or a block of a segment.
 */
export const auditObjects = async (
  objects: Objects,
  shard: Shard,
  { state, checkpoint, sample, onRead }: ObjectsAuditOptions,
): Promise<ObjectsAudit> => {
  const needed = neededBytes(state)
  const listed = await listObjects(objects, shard, needed, checkpoint)
  const found: Found[] = []
  const damaged = new Set<string>()
  for (const [name, { sizeBytes, partitions }] of needed) {
    const size = listed.sizes.get(name)
    if (size !== undefined && size >= sizeBytes) continue
    damaged.add(name)
    const [partition, ...others] = [...partitions].sort((a, b) => a - b)
    const what = size === undefined ? 'is missing' : `has ${size} bytes of at least ${sizeBytes}`
    const whose = others.length === 0 ? '' : `, with records of partitions ${[partition, ...others].join(', ')}`
    found.push({ kind: 'object', partition, object: name, what: `${name} ${what}${whose}` })
  }
  let { counts } = listed
  const checks = [...state.partitions.values()].flatMap((partition) => checksOf(objects, shard, partition, sample))
  const sound = checks.filter(({ object }) => object === undefined || !damaged.has(object))
  for (let i = 0; i < sound.length; i += readsAtOnce) {
    onRead(i, sound.length)
    for (const read of await Promise.all(sound.slice(i, i + readsAtOnce).map(({ run }) => run()))) {
      found.push(...read.found)
      counts = addCounts(counts, read.counts)
    }
  }
  return { counts: addCounts(counts, { partitions: state.partitions.size }), found }
}

/** The objects that a state names, the bytes that each must have, and the partitions whose records are in it. */
const neededBytes = (state: State) => {
  const needed = new Map<string, { readonly sizeBytes: number; readonly partitions: Set<number> }>()
  const need = (name: string, partition: number, sizeBytes: number): void => {
    const known = needed.get(name)
    const partitions = known?.partitions ?? new Set()
    needed.set(name, { sizeBytes: Math.max(sizeBytes, known?.sizeBytes ?? 0), partitions: partitions.add(partition) })
  }
  for (const { index, segments, tail } of state.partitions.values()) {
    for (const { name, position, sizeBytes, indexBytes } of segments)
      need(name, index, position + sizeBytes + indexBytes)
    for (const { source, sizeBytes } of tail)
      if (source.in === 'object') need(source.name, index, source.position + sizeBytes)
  }
  return needed
}

const listObjects = async (
  objects: Objects,
  shard: Shard,
  needed: ReadonlyMap<string, unknown>,
  checkpoint: string,
): Promise<{ readonly sizes: ReadonlyMap<string, number>; readonly counts: AuditCounts }> => {
  const prefix = objectKey(shard, '')
  const sizes = new Map<string, number>()
  let counts = noCounts
  for (let after = ''; ; ) {
    const page = await objects.list(prefix, after)
    for (const { key, sizeBytes } of page) {
      const name = key.slice(prefix.length)
      const isNamed = needed.has(name) || name === checkpoint
      if (isNamed) sizes.set(name, sizeBytes)
      counts = addCounts(
        counts,
        isNamed ? { objects: 1, objectBytes: sizeBytes } : { orphans: 1, orphanBytes: sizeBytes },
      )
    }
    const last = page.at(-1)
    if (last === undefined) return { sizes, counts }
    after = last.key
  }
}
