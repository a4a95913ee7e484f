import { assertGroup } from '../group/group.ts'
import { decodeGroup, NewerGroupFormat } from '../group/group-bytes.ts'
import { decodeOffsets } from '../group/offsets-bytes.ts'
import { decodeSnapshots } from '../group/snapshots.ts'
import { type AuditCounts, addCounts, noCounts, type Problems } from '../maintenance/audit-report.ts'
import { type AuditStores, saidOf } from '../maintenance/audit-stores.ts'
import type { Item } from '../store/items.ts'
import { groupKey, groupsPartition, offsetsPartition, snapshotsKey } from '../store/keys.ts'
import { ObjectNotFound } from '../store/objects.ts'

/** Every group's document and its committed offsets can be read, and what members say is there. */
export const auditGroups = async (stores: AuditStores, problems: Problems): Promise<AuditCounts> => {
  const named = new Set<string>()
  let counts = noCounts
  for await (const item of itemsOf(stores, groupsPartition)) {
    counts = addCounts(counts, { groups: 1 })
    const life = await auditGroup(stores, item, named, problems)
    if (life === undefined) continue
    for await (const { sort, body } of itemsOf(stores, offsetsPartition(life))) {
      const isSnapshots = sort === snapshotsKey(life).sort
      const what = await problemIn(async () => void (isSnapshots ? decodeSnapshots(body) : decodeOffsets(body)))
      const where = isSnapshots ? 'its snapshots' : `its offsets in topic ${sort}`
      if (what) problems.add({ ...what, group: item.sort, what: `${where}: ${what.what}` })
    }
  }
  return addCounts(counts, await objectsIn(stores, named))
}

/** A document that is another one each time it is looked at, and never whole, is damaged all the same. */
const maxLooks = 5

/** The group's life, under which it has committed offsets; undefined where it cannot be read. */
const auditGroup = async (
  stores: AuditStores,
  item: Item,
  named: Set<string>,
  problems: Problems,
  looks = 1,
): Promise<string | undefined> => {
  let life: string | undefined
  const read = (key: string): Promise<Buffer> => {
    named.add(key)
    return stores.objects.read(key)
  }
  const problem = await problemIn(async () => {
    const group = await decodeGroup(item.body, read)
    if (group.type !== 'deleted') assertGroup(group)
    life = group.life
  })
  if (problem === undefined) return life
  const current = await stores.items.get(groupKey(item.sort), { consistent: true })
  // Its objects may have been swept since it was read, and there is another document now.
  if (current !== undefined && current.version !== item.version && looks < maxLooks) {
    return auditGroup(stores, current, named, problems, looks + 1)
  }
  if (current !== undefined) problems.add({ ...problem, group: item.sort })
  return undefined
}

type Said = { readonly kind: 'group' | 'format' | 'object'; readonly what: string }

const problemIn = async (check: () => Promise<void>): Promise<Said | undefined> => {
  try {
    await check()
    return undefined
  } catch (error) {
    if (error instanceof ObjectNotFound) return { kind: 'object', what: `${error.message} is missing` }
    return { kind: error instanceof NewerGroupFormat ? 'format' : 'group', what: `it cannot be read: ${saidOf(error)}` }
  }
}

/** Documents in one page of a query. */
const documentsPerPage = 100
/** Group ids and topic ids sort below it. */
const lastCharacter = '\u{10ffff}'

async function* itemsOf({ items }: AuditStores, partition: string): AsyncGenerator<Item> {
  for (let after = ''; ; ) {
    const options = { after, before: lastCharacter, limit: documentsPerPage, consistent: true }
    const page = await items.query(partition, options)
    yield* page.items
    after = page.items.at(-1)?.sort ?? after
    if (page.end) return
  }
}

/** Where the objects of groups are (`store/keys.ts`). */
const groupsFolder = 'groups/'

const objectsIn = async ({ objects }: AuditStores, named: ReadonlySet<string>): Promise<AuditCounts> => {
  let counts = noCounts
  for (let after = ''; ; ) {
    const page = await objects.list(groupsFolder, after)
    for (const { key, sizeBytes } of page) {
      const isNamed = named.has(key)
      counts = addCounts(
        counts,
        isNamed ? { objects: 1, objectBytes: sizeBytes } : { orphans: 1, orphanBytes: sizeBytes },
      )
    }
    const last = page.at(-1)
    if (last === undefined) return counts
    after = last.key
  }
}
