import type { Group } from '../../lib/group/group.ts'
import { decodeGroup } from '../../lib/group/group-bytes.ts'
import type { OffsetsDocument } from '../../lib/group/offsets.ts'
import { decodeOffsets } from '../../lib/group/offsets-bytes.ts'
import { has, pairsOf } from '../../lib/group/partitions.ts'
import { type ItemKey, type Items, maxItemBytes, type NewItem } from '../../lib/store/items.ts'
import { groupsPartition, offsetsPartition } from '../../lib/store/keys.ts'
import { asOlderDocument } from './builds.ts'
import type { GroupRecorder } from './groups-history.ts'

/** A barrier is stored within this, clocks' differences included. */
const promptMs = 1000

type Grant = { readonly at: number; readonly life: string }

/** Between the stores and everything that can go wrong with a call: sees every write in the order in which they count. */
export class GroupWatch {
  readonly #recorder: GroupRecorder
  readonly #nowMs: () => number
  readonly #hit: (path: string) => void
  readonly #writtenMs = new Map<string, number>()
  readonly #offsets = new Map<string, OffsetsDocument>()
  readonly #granted = new Map<string, Grant>()
  /** As it is stored now. */
  group: Group | undefined

  constructor(recorder: GroupRecorder, nowMs: () => number, hit: (path: string) => void) {
    this.#recorder = recorder
    this.#nowMs = nowMs
    this.#hit = hit
  }

  /** When an item was written last. */
  writtenMs(where: string): number {
    return this.#writtenMs.get(where) ?? Number.NEGATIVE_INFINITY
  }

  /** When a member was given a partition last, or, in a classic group, when it became a member of the generation. */
  granted(memberId: string, what: string | number): Grant {
    return this.#granted.get(`${memberId} ${what}`) ?? { at: 0, life: '' }
  }

  items(items: Items): Items {
    const watched = async <Outcome extends { readonly outcome: string }>(
      key: ItemKey,
      item: NewItem,
      write: () => Promise<Outcome>,
    ): Promise<Outcome> => {
      const answer = await write()
      if (answer.outcome === 'stored') await this.#stored(key, item.body)
      return answer
    }
    return {
      ...items,
      putIfAbsent: (key, item) => watched(key, item, () => items.putIfAbsent(key, item)),
      replace: (key, item, version) => watched(key, item, () => items.replace(key, item, version)),
      delete: async (key) => {
        await items.delete(key)
        this.#offsetsStored(key, undefined)
      },
    }
  }

  async #stored(key: ItemKey, stored: Buffer): Promise<void> {
    const body = asOlderDocument(stored)
    if (body !== stored) this.#hit('document of a newer version')
    const where = `${key.partition} ${key.sort}`
    this.#writtenMs.set(where, this.#nowMs())
    if (body.length > maxItemBytes) this.#report('document-too-large', `${where} has ${body.length} bytes`)
    if (key.partition === groupsPartition) await this.#groupStored(body)
    else this.#offsetsStored(key, decodeOffsets(body))
  }

  async #groupStored(body: Buffer): Promise<void> {
    const decoded = await decodeGroup(body, async () => Buffer.alloc(0))
    const at = this.#recorder.tick()
    const group = decoded.type === 'deleted' ? undefined : decoded
    const before = this.group
    this.group = group
    this.#recorder.groups.push({ at, group })
    if (before !== undefined && before.life !== group?.life) this.#forget(before.life)
    if (group !== undefined) this.#grant(before, group, at)
    if (before === undefined || before.life !== group?.life) return
    this.#noteReplaced(before, group)
    this.#noteLateBarrier(before, group)
    if (group.fence < before.fence) this.#report('number-back', `fence ${before.fence} → ${group.fence}`)
    const [earlier, later] = [numberOf(before), numberOf(group)]
    if (later < earlier) this.#report('number-back', `generation or epoch ${earlier} → ${later}`)
    this.#checkAssignments(before, group)
  }

  #noteReplaced(before: Group, group: Group): void {
    for (const { memberId, instanceId } of before.members) {
      const present = group.members.find((one) => instanceId !== null && one.instanceId === instanceId)
      if (present === undefined || present.memberId === memberId) continue
      this.#recorder.replacedMs.set(memberId, this.#nowMs())
      this.#hit('static member replaced')
    }
  }

  /** Its time is counted from when it was decided; the store may have taken a good part of it. */
  #noteLateBarrier(before: Group, group: Group): void {
    if (before.type !== 'classic' || group.type !== 'classic') return
    if (before.state === group.state || group.state !== 'PreparingRebalance') return
    const leftMs = group.deadlineMs - this.#nowMs()
    for (const { memberId, rebalanceTimeoutMs } of before.members) {
      if (leftMs < rebalanceTimeoutMs - promptMs) this.#recorder.replacedMs.set(memberId, this.#nowMs())
    }
  }

  #grant(before: Group | undefined, group: Group, at: number): void {
    if (group.type === 'classic') {
      for (const { memberId } of group.members) {
        const key = `${memberId} ${group.generation}`
        if (!this.#granted.has(key)) this.#granted.set(key, { at, life: group.life })
      }
      return
    }
    if (group.type === 'lease') return
    const owners = new Map<string, string>()
    for (const { memberId, assigned, revoking } of group.members) {
      const former = before?.type === 'consumer' ? before.members.find((one) => one.memberId === memberId) : undefined
      for (const [topicId, index] of [...pairsOf(assigned), ...pairsOf(revoking)]) {
        const partition = `${topicId}/${index}`
        const other = owners.get(partition)
        if (other !== undefined) this.#report('broken-group', `${partition} is given to ${other} and to ${memberId}`)
        owners.set(partition, memberId)
        const had = former && (has(former.assigned, topicId, index) || has(former.revoking, topicId, index))
        if (!had) this.#granted.set(`${memberId} ${partition}`, { at, life: group.life })
      }
    }
  }

  /** What a generation was given stays; a static member that returns takes what its former self had. */
  #checkAssignments(before: Group, group: Group): void {
    if (before.type !== 'classic' || group.type !== 'classic') return
    if (before.state !== 'Stable' || group.state !== 'Stable' || before.generation !== group.generation) return
    for (const member of group.members) {
      const former = before.members.find(({ memberId, instanceId }) =>
        instanceId === null ? memberId === member.memberId : instanceId === member.instanceId,
      )
      if (former?.assignment.equals(member.assignment)) continue
      this.#report('broken-group', `generation ${group.generation} gives ${member.memberId} something else`)
    }
  }

  #forget(life: string): void {
    for (const [where, { partitions }] of this.#offsets) {
      if (!where.startsWith(`${offsetsPartition(life)} `)) continue
      const topicId = where.slice(where.indexOf(' ') + 1)
      for (const index of Object.keys(partitions)) this.#changed(`${topicId}/${index}`, undefined, undefined, true)
    }
  }

  #offsetsStored(key: ItemKey, document: OffsetsDocument | undefined): void {
    const where = `${key.partition} ${key.sort}`
    const before = this.#offsets.get(where)
    if (document === undefined) this.#offsets.delete(where)
    else this.#offsets.set(where, document)
    const isCurrent = this.group !== undefined && key.partition === offsetsPartition(this.group.life)
    if (before !== undefined && document !== undefined) {
      if (document.fence < before.fence) this.#report('number-back', `fence of ${where}`)
      if (document.commits < before.commits) this.#report('number-back', `commits of ${where}`)
      if (document.fence > before.fence && document.commits === before.commits) this.#hit('fence written by a fetch')
    }
    const indexes = new Set([...Object.keys(before?.partitions ?? {}), ...Object.keys(document?.partitions ?? {})])
    for (const index of indexes) {
      const former = before?.partitions[Number(index)]
      const present = document?.partitions[Number(index)]
      if (former?.commit === present?.commit && former?.metadata === present?.metadata) continue
      const offset = present && Number(present.offset)
      this.#changed(`${key.sort}/${index}`, offset, present?.metadata, isCurrent)
    }
  }

  #changed(partition: string, offset: number | undefined, commit: string | undefined, isCurrent: boolean): void {
    this.#recorder.stored.push({
      at: this.#recorder.tick(),
      atMs: this.#nowMs(),
      partition,
      offset,
      commit,
      isCurrent,
    })
  }

  #report(anomaly: 'document-too-large' | 'number-back' | 'broken-group', detail: string): void {
    this.#recorder.reports.push({ class: anomaly, detail })
  }
}

const numberOf = (group: Group): number => (group.type === 'classic' ? group.generation : group.epoch)
