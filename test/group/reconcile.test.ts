import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ConsumerReply, type ConsumerRequest, consumerHeartbeat } from '../../lib/group/consumer.ts'
import { assertGroup, type Group, type GroupTopic, type Partitions } from '../../lib/group/group.ts'
import { defaultGroupLimits } from '../../lib/group/limits.ts'
import { common, isSame, noPartitions, pairsOf } from '../../lib/group/partitions.ts'

/** A member as it sees itself. It has one request under way; an answer to an earlier one means nothing to it. */
type Client = {
  memberId: string
  epoch: number
  /** What it was told to have. */
  told: Partitions
  /** What it consumes: it lets go at once, and takes what is new a little later. */
  owned: Partitions
  /** The request it waits for. */
  waits: number | undefined
  topics: readonly string[]
  /** What it has said last; undefined where it cannot know that it was heard, and says all of it again. */
  said: { readonly owned: Partitions; readonly topics: readonly string[] } | undefined
}

type Event =
  | {
      readonly kind: 'call' | 'send' | 'deliver' | 'hear' | 'take' | 'giveUp' | 'leave'
      readonly client: number
    }
  | { readonly kind: 'old'; readonly ago: number }
  | { readonly kind: 'subscribe'; readonly client: number; readonly topics: readonly string[] }
  | { readonly kind: 'grow'; readonly topic: number }

const clients = 2
const names = ['t', 'u'] as const

/**
 * Clients, one coordinator, and a network that delays, repeats, reorders and loses. Time stands still: nobody is thrown
 * out, so nobody has an excuse for consuming what somebody else consumes.
 */
class World {
  #group: Group | undefined
  readonly #clients: readonly Client[] = Array.from({ length: clients }, (_, i) => newClient(`c${i}`))
  readonly #topics: GroupTopic[] = names.map((name) => ({ id: name, name, partitions: 2 }))
  /** Everything that was ever sent; any of it may arrive at any time, and again. */
  readonly #requests: ConsumerRequest[] = []
  readonly #replies = new Map<number, ConsumerReply>()
  #nowMs = 1000

  do(event: Event): void {
    if (event.kind === 'old') this.#deliver(this.#requests.length - 1 - event.ago)
    else if (event.kind === 'grow') this.#grow(event.topic)
    else this.#act(event, this.#client(event.client))
  }

  #act(event: Exclude<Event, { readonly kind: 'old' | 'grow' }>, client: Client): void {
    switch (event.kind) {
      case 'subscribe':
        client.topics = event.topics
        break
      case 'send':
        this.#send(client)
        break
      case 'deliver':
        if (client.waits !== undefined) this.#deliver(client.waits)
        break
      case 'hear':
        this.#hear(client)
        break
      case 'take':
        client.owned = client.told
        break
      case 'giveUp':
        this.#giveUp(client)
        break
      case 'leave':
        this.#leave(client)
        break
      case 'call':
        this.#call(client)
    }
  }

  #call(client: Client): void {
    this.#send(client)
    if (client.waits !== undefined) this.#deliver(client.waits)
    this.#hear(client)
  }

  /** Who consumes what, as `topic-partition`. */
  consumed(): readonly string[] {
    return this.#clients.flatMap(({ owned }) => [...pairsOf(owned)].map(([id, index]) => `${id}-${index}`))
  }

  /** Everybody calls every five seconds, and hears, long enough for the lost to be thrown out and to come back. */
  calm(): void {
    for (let round = 0; round < 50; round++) {
      this.#nowMs += 5000
      for (const client of this.#clients) {
        this.#giveUp(client)
        this.#call(client)
        client.owned = client.told
      }
    }
  }

  wanted(): readonly string[] {
    const subscribed = this.#topics.filter(({ name }) => this.#clients.some(({ topics }) => topics.includes(name)))
    return subscribed.flatMap(({ id, partitions }) => Array.from({ length: partitions }, (_, i) => `${id}-${i}`))
  }

  #client(index: number): Client {
    const client = this.#clients[index]
    if (client === undefined) throw new Error('there is no such client')
    return client
  }

  #grow(index: number): void {
    const topic = this.#topics[index]
    if (topic && topic.partitions < 5) this.#topics[index] = { ...topic, partitions: topic.partitions + 1 }
  }

  #giveUp(client: Client): void {
    if (client.waits !== undefined) client.said = undefined
    client.waits = undefined
  }

  #send(client: Client): void {
    if (client.waits !== undefined) return
    const joins = client.epoch === 0
    const { said } = client
    client.waits = this.#requests.length
    this.#requests.push({
      memberId: client.memberId,
      memberEpoch: client.epoch,
      instanceId: null,
      rackId: null,
      clientId: 'c',
      clientHost: 'h',
      rebalanceTimeoutMs: joins || said === undefined ? 60_000 : -1,
      subscribedNames: joins || said?.topics !== client.topics ? client.topics : null,
      subscribedRegex: null,
      assignor: null,
      owned: joins ? noPartitions : said && isSame(said.owned, client.owned) ? null : client.owned,
    })
    client.said = { owned: client.owned, topics: client.topics }
  }

  /** It stops consuming, says so, and comes back as somebody else. What it said before must not arrive any more. */
  #leave(client: Client): void {
    if (client.epoch === 0) return
    this.#giveUp(client)
    this.#send(client)
    const request = this.#requests.pop()
    if (request === undefined) return
    this.#requests.push({ ...request, memberEpoch: -1, owned: null, subscribedNames: null })
    Object.assign(client, newClient(`${client.memberId}'`), { topics: client.topics })
  }

  #deliver(number: number): void {
    const request = this.#requests[number]
    if (request === undefined) return
    const moment = { nowMs: this.#nowMs, randomId: 'life' }
    const step = consumerHeartbeat(this.#group, request, this.#topics, defaultGroupLimits, moment)
    if (step.group !== undefined) assertGroup(step.group)
    this.#group = step.group
    this.#replies.set(number, step.reply)
  }

  #hear(client: Client): void {
    const reply = client.waits === undefined ? undefined : this.#replies.get(client.waits)
    if (reply === undefined) return
    client.waits = undefined
    if (reply.error !== 'NONE') {
      // It abandons what it has and joins again.
      Object.assign(client, { epoch: 0, owned: noPartitions, told: noPartitions, said: undefined })
      return
    }
    client.epoch = reply.memberEpoch
    client.told = reply.assignment ?? client.told
    client.owned = common(client.owned, client.told)
  }
}

const newClient = (memberId: string): Client => ({
  memberId,
  epoch: 0,
  told: noPartitions,
  owned: noPartitions,
  waits: undefined,
  topics: ['t'],
  said: undefined,
})

const client = fc.nat({ max: clients - 1 })

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('call' as const), client }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('take' as const), client }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('send' as const, 'deliver' as const), client }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('hear' as const, 'giveUp' as const), client }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('old' as const), ago: fc.nat({ max: 8 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('subscribe' as const), client, topics: fc.subarray([...names]) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), client }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('grow' as const), topic: fc.nat({ max: 1 }) }) },
)

/** Both have joined, and have what they shall have: from here on the paths are many. */
const start: readonly Event[] = [0, 1, 0, 1, 0, 1, 0].flatMap((one): Event[] => [
  { kind: 'call', client: one },
  { kind: 'take', client: one },
])

test('no partition is ever consumed by two, however heartbeats are delayed, repeated and lost', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 20, maxLength: 60, size: 'max' }), (events) => {
      const world = new World()
      for (const one of [...start, ...events]) {
        world.do(one)
        const consumed = world.consumed()
        if (consumed.length !== new Set(consumed).size) expect(consumed).toEqual([...new Set(consumed)])
      }
    }),
    { numRuns: 4000 },
  )
})

test('once the network is calm, everything that somebody subscribes to is consumed', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 20, maxLength: 80, size: 'max' }), (events) => {
      const world = new World()
      // A subscription that arrives late cannot be told from a new one, and is not said again.
      for (const one of events) if (one.kind !== 'subscribe') world.do(one)
      world.calm()
      expect(world.consumed().toSorted()).toEqual(world.wanted().toSorted())
    }),
    { numRuns: 300 },
  )
})
