import { shardOf, type Topic } from '../log/topic.ts'
import { documentFrom, fields, flag, listOf, optional, recordOf, text, whole } from '../store/document-shape.ts'
import { documentsOf, OutcomeUnknown, stepDocument } from '../store/documents.ts'
import type { Items } from '../store/items.ts'
import { checkpointKey, deletionKey, type Shard, topicKey, topicNameKey, topicsPartition } from '../store/keys.ts'
import { newCheckpointItem } from './checkpoint-item.ts'
import type { Clock } from './clock.ts'
import { pauses } from './retry.ts'

/** A topic's document. A deleted topic's name keeps its document, so that a late write cannot hit its successor. */
type TopicDocument = Topic & { readonly deleted: boolean }

const isTopic = fields({
  name: text,
  id: text,
  partitions: whole,
  shards: whole,
  configs: recordOf(text),
  formerly: optional(listOf(fields({ partitions: whole, untilMs: whole }))),
  deleted: flag,
})

/** A topic whose rows and objects are being deleted. */
export type Deletion = Pick<Topic, 'name' | 'id' | 'shards'> & {
  /** Everything was deleted once; what late uploads leave behind goes with a second pass. */
  readonly emptiedMs: number | undefined
}

export type Created =
  | { readonly outcome: 'created'; readonly topic: Topic }
  | { readonly outcome: 'exists'; readonly topic: Topic }

/** A write that has no answer is given up after this. */
const writeTimeoutMs = 15_000
/** What other instances did to topics is seen after at most this time. */
const seenForMs = 5000

type Seen = { readonly topic: Topic; readonly at: number }

/** Topics by name and id. Lists are remembered for a moment; a name that is not in them is looked up every time. */
export class Topics {
  readonly #items: Items
  readonly #clock: Clock
  /** Topics seen lately, by name and by id. */
  readonly #byName = new Map<string, Seen>()
  readonly #byId = new Map<string, Seen>()
  #listedAt = Number.NEGATIVE_INFINITY
  /** The list that is being read, for all who ask while nothing changes here. */
  #listing: Promise<readonly Topic[]> | undefined
  /** Counts the changes made here: what was read before one of them is not remembered after it. */
  #changes = 0

  constructor(items: Items, clock: Clock) {
    this.#items = items
    this.#clock = clock
  }

  /** All topics, in the order of their names. */
  async all(): Promise<readonly Topic[]> {
    if (this.#isRecent(this.#listedAt)) return sorted([...this.#byName.values()].map(({ topic }) => topic))
    this.#listing ??= this.#list()
    return this.#listing
  }

  /** What it gathers is complete, and replaces what is remembered unless topics were changed here meanwhile. */
  async #list(): Promise<readonly Topic[]> {
    const change = this.#changes
    const at = this.#clock.now()
    try {
      const topics: Topic[] = []
      for await (const [, document] of documentsOf<TopicDocument>(this.#items, topicsPartition, isTopic)) {
        if (!document.deleted) topics.push(document)
      }
      if (change === this.#changes) {
        this.#byName.clear()
        this.#byId.clear()
        for (const topic of topics) this.#remember(topic, at)
        this.#listedAt = at
      }
      return sorted(topics)
    } finally {
      if (change === this.#changes) this.#listing = undefined
    }
  }

  async find(name: string): Promise<Topic | undefined> {
    const seen = this.#byName.get(name)
    if (seen && this.#isRecent(seen.at)) return seen.topic
    const change = this.#changes
    const at = this.#clock.now()
    const document = await this.#read(name)
    if (document === undefined || document.deleted) return undefined
    if (change === this.#changes) this.#remember(document, at)
    return document
  }

  async findById(id: string): Promise<Topic | undefined> {
    const seen = this.#byId.get(id)
    if (seen && this.#isRecent(seen.at)) return seen.topic
    const name = await this.#items.get(topicNameKey(id), { consistent: true })
    const topic = name && (await this.find(name.body.toString()))
    return topic?.id === id ? topic : undefined
  }

  /** Creates the topic unless there is one of its name. Throws `OutcomeUnknown`. */
  async create(wanted: Omit<Topic, 'id'>): Promise<Created> {
    const existing = await this.find(wanted.name)
    if (existing) return { outcome: 'exists', topic: existing }
    const topic: Topic = { ...wanted, id: newTopicId(this.#clock) }
    // What the name will point to must be there before it does.
    const body = Buffer.from(topic.name)
    await this.#put(topicNameKey(topic.id), { attempt: topic.id, body })
    await Promise.all(shardsOf(topic).map((shard) => this.#put(checkpointKey(shard), newCheckpointItem(topic.id))))
    return this.#step<Created>(topic.name, (current) => {
      if (current === undefined || current.deleted) {
        return { next: { ...topic, deleted: false }, answer: { outcome: 'created', topic } }
      }
      const outcome = current.id === topic.id ? 'created' : 'exists'
      return { next: undefined, answer: { outcome, topic: current } }
    })
  }

  /** Changes a topic that exists; `change` must be safe to repeat. Undefined when there is none of this id. */
  async change(topic: Topic, change: (topic: Topic) => Topic): Promise<Topic | undefined> {
    return this.#step<Topic | undefined>(topic.name, (current) => {
      if (current === undefined || current.deleted || current.id !== topic.id)
        return { next: undefined, answer: undefined }
      const next = { ...change(current), deleted: false }
      return { next, answer: next }
    })
  }

  /** Frees the topic's name at once; its rows and objects go later (`maintenance`). False when it is gone already. */
  async delete(topic: Topic): Promise<boolean> {
    const { name, id, shards } = topic
    const deletion: Deletion = { name, id, shards, emptiedMs: undefined }
    await this.#put(deletionKey(id), { attempt: id, body: Buffer.from(JSON.stringify(deletion)) })
    return this.#step<boolean>(name, (current) => {
      if (current?.id !== id) return { next: undefined, answer: false }
      return current.deleted ? { next: undefined, answer: true } : { next: { ...current, deleted: true }, answer: true }
    })
  }

  /** Whether the name still points to this topic, whatever lists remember. */
  async exists(topic: Pick<Topic, 'name' | 'id'>): Promise<boolean> {
    const current = await this.#read(topic.name)
    return current !== undefined && current.id === topic.id && !current.deleted
  }

  async #read(name: string): Promise<TopicDocument | undefined> {
    const item = await this.#items.get(topicKey(name), { consistent: true })
    return item && documentFrom(item.body, `the document of topic ${name}`, isTopic)
  }

  #isRecent(at: number): boolean {
    const age = this.#clock.now() - at
    return age >= 0 && age <= seenForMs
  }

  #remember(topic: Topic, at: number): void {
    this.#byName.set(topic.name, { topic, at })
    this.#byId.set(topic.id, { topic, at })
  }

  #forget(): void {
    this.#byName.clear()
    this.#byId.clear()
    this.#listedAt = Number.NEGATIVE_INFINITY
    this.#listing = undefined
    this.#changes += 1
  }

  async #step<Answer>(
    name: string,
    step: (current: TopicDocument | undefined) => { readonly next: TopicDocument | undefined; readonly answer: Answer },
  ): Promise<Answer> {
    const untilMs = this.#clock.now() + writeTimeoutMs
    try {
      return await stepDocument(this.#items, this.#clock, topicKey(name), step, untilMs, isTopic)
    } finally {
      this.#forget()
    }
  }

  /** Puts an item whose attempt and bytes are the same however often they are put. */
  async #put(key: Parameters<Items['putIfAbsent']>[0], item: Parameters<Items['putIfAbsent']>[1]): Promise<void> {
    const untilMs = this.#clock.now() + writeTimeoutMs
    for (const pauseMs of pauses(this.#clock)) {
      const put = await this.#items.putIfAbsent(key, item)
      if (put.outcome !== 'unknown') return
      if (this.#clock.now() + pauseMs > untilMs) throw new OutcomeUnknown('the store does not answer')
      await this.#clock.sleep(pauseMs)
    }
  }
}

const sorted = (topics: readonly Topic[]): readonly Topic[] => topics.toSorted((a, b) => (a.name < b.name ? -1 : 1))

/** The journals of a topic. */
export const shardsOf = (topic: Pick<Topic, 'id' | 'shards'>): readonly Shard[] =>
  Array.from({ length: topic.shards }, (_, index) => ({ topicId: topic.id, index }))

/** The journal that a partition belongs to. */
export const shardOfPartition = (topic: Topic, partitionIndex: number): Shard => ({
  topicId: topic.id,
  index: shardOf(topic, partitionIndex),
})

/** 128 random bits as 22 characters of base64url, the last of which carries two of them; never with a leading dash. */
const newTopicId = (clock: Clock): string => {
  const last = 'AQgw'[Math.floor(clock.random() * 4)] ?? 'A'
  return `${clock.randomId()}${clock.randomId().slice(0, 5)}${last}`.replace(/^-/, 'a')
}
