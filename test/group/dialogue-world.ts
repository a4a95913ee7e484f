import type { GroupTopic, Partitions } from '../../lib/group/group.ts'
import { Groups } from '../../lib/group/groups.ts'
import { noPartitions, pairsOf, partitionsOf } from '../../lib/group/partitions.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { type Gate, gated } from './gate.ts'
import { VirtualClock } from './virtual-clock.ts'

export const groupId = 'g'

/** Somebody who takes part: what it is configured with, and what it was told. */
export type Actor = {
  readonly name: string
  memberId: string
  generation: number
  epoch: number
  /** What it was told to have. */
  owned: Partitions
  instanceId: string | null
  sessionMs: number
  rebalanceMs: number
  protocolType: string
  protocols: readonly string[]
  /** What it says of itself; a change of it is a change of its metadata. */
  metadata: string
  /** Of JoinGroup. */
  version: number
}

export type Coordinator = { readonly groups: Groups; readonly gate: Gate }

/** One group's stores, coordinators and members. */
export class DialogueWorld {
  readonly clock = new VirtualClock()
  readonly #items = memoryItems()
  readonly #objects = memoryObjects(() => this.clock.now())
  readonly #actors = new Map<string, Actor>()
  readonly #coordinators = new Map<string, Coordinator>()
  readonly #topics = new Map<string, GroupTopic>()
  /** Member ids as the dialogue calls them. */
  readonly #aliases = new Map<string, string>()

  actor(name = ''): Actor {
    const known = this.#actors.get(name)
    if (known !== undefined) return known
    const actor: Actor = {
      name,
      memberId: '',
      generation: -1,
      epoch: 0,
      owned: noPartitions,
      instanceId: null,
      sessionMs: 10_000,
      rebalanceMs: 30_000,
      protocolType: 'consumer',
      protocols: ['range'],
      metadata: name,
      version: 9,
    }
    this.#actors.set(name, actor)
    return actor
  }

  coordinator(name = 'x'): Coordinator {
    const known = this.#coordinators.get(name)
    if (known !== undefined) return known
    const { items, gate } = gated(this.#items)
    const source = {
      find: async (topic: string) => this.#topics.get(topic),
      all: async () => [...this.#topics.values()],
    }
    const groups = new Groups({ items, objects: this.#objects, clock: this.clock }, source)
    this.#coordinators.set(name, { groups, gate })
    return { groups, gate }
  }

  setTopic(name: string, partitions: number): void {
    this.#topics.set(name, { id: topicId(name), name, partitions })
  }

  /** The first id of a member is called by its name, the next has a 2 behind it. */
  learn(actor: Actor, memberId: string): void {
    if (memberId === '') return
    actor.memberId = memberId
    if (this.#aliases.has(memberId)) return
    const ids = [...this.#aliases.values()].filter((alias) => alias.replace(/\d+$/, '') === actor.name)
    this.#aliases.set(memberId, ids.length === 0 ? actor.name : `${actor.name}${ids.length + 1}`)
  }

  named(text: string): string {
    return [...this.#aliases].reduce((said, [id, alias]) => said.replaceAll(id, alias), text)
  }

  memberId(alias: string): string {
    return [...this.#aliases].find(([, known]) => known === alias)?.[0] ?? alias
  }
}

export const topicId = (name: string): string => `topic-${name}`

/** `orders-0 orders-1`, or `nothing`. */
export const partitionsIn = (text: string): Partitions =>
  partitionsOf(
    [...text.matchAll(/(\w+)-(\d+)/g)].map(([, name = '', index]) => [topicId(name), Number(index)] as const),
  )

export const textOf = (partitions: Partitions): string =>
  [...pairsOf(partitions)].map(([id, index]) => `${id.replace('topic-', '')}-${index}`).join(' ') || 'nothing'

export const msOf = (text: string): number => {
  const [, count, unit] = /^(\d+) (ms|s|min|h|days)$/.exec(text) ?? []
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, days: 86_400_000 }
  const ms = Number(count) * (units[unit ?? ''] ?? Number.NaN)
  if (Number.isNaN(ms)) throw new Error(`"${text}" is no time`)
  return ms
}
