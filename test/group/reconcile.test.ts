import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ConsumerReply, type ConsumerRequest, consumerHeartbeat } from '../../lib/group/consumer.ts'
import { assertGroup, type Group, type GroupTopic, type Partitions } from '../../lib/group/group.ts'
import { defaultGroupLimits } from '../../lib/group/limits.ts'
import { isSame, noPartitions, pairsOf } from '../../lib/group/partitions.ts'

/** A member as it sees itself. It has one request under way; an answer to an earlier one means nothing to it. */
type Client = {
  memberId: string
  epoch: number
  /** What it consumes. */
  owned: Partitions
  /** The request it waits for; an answer to another is thrown away. */
  waits: number | undefined
  topics: readonly string[]
  /** What it has said last; undefined where it cannot know that it was heard, and says all of it again. */
  said: { readonly owned: Partitions; readonly topics: readonly string[] } | undefined
}

type Message = { readonly client: number; readonly number: number; readonly request: ConsumerRequest }
type Answer = { readonly client: number; readonly number: number; readonly reply: ConsumerReply }

type Event =
  | { readonly kind: 'send' | 'giveUp' | 'leave'; readonly client: number }
  | { readonly kind: 'deliver' | 'repeat' | 'answer' | 'lose' | 'loseAnswer'; readonly which: number }
  | { readonly kind: 'subscribe'; readonly client: number; readonly topics: readonly string[] }
  | { readonly kind: 'grow'; readonly topic: number }

const clients = 3
const names = ['t', 'u'] as const

/**
 * Clients, one coordinator, and a network that delays, repeats, reorders and loses. Time stands still: nobody is thrown
 * out, so nobody has an excuse for consuming what somebody else consumes.
 */
class World {
  group: Group | undefined
  readonly #clients: readonly Client[] = Array.from({ length: clients }, (_, i) => newClient(`c${i}`))
  readonly #topics: GroupTopic[] = names.map((name) => ({ id: name, name, partitions: 2 }))
  #messages: Message[] = []
  #answers: Answer[] = []
  #count = 0
  #nowMs = 1000

  do(event: Event): void {
    switch (event.kind) {
      case 'send':
        this.#send(event.client)
        return
      case 'giveUp':
        this.#giveUp(this.#client(event.client))
        return
      case 'leave':
        this.#leave(event.client)
        return
      case 'subscribe':
        this.#client(event.client).topics = event.topics
        return
      case 'grow': {
        const topic = this.#topics[event.topic]
        if (topic && topic.partitions < 5) this.#topics[event.topic] = { ...topic, partitions: topic.partitions + 1 }
        return
      }
      case 'deliver':
      case 'repeat': {
        const message = pick(this.#messages, event.which)
        if (message === undefined) return
        if (event.kind === 'deliver') this.#messages = this.#messages.filter((one) => one !== message)
        this.#deliver(message)
        return
      }
      case 'lose':
        this.#messages = this.#messages.filter((one) => one !== pick(this.#messages, event.which))
        return
      case 'loseAnswer':
        this.#answers = this.#answers.filter((one) => one !== pick(this.#answers, event.which))
        return
      case 'answer': {
        const answer = pick(this.#answers, event.which)
        this.#answers = this.#answers.filter((one) => one !== answer)
        if (answer !== undefined) this.#hear(answer)
      }
    }
  }

  /** Who consumes what, as `topic-partition`. */
  consumed(): readonly string[] {
    return this.#clients.flatMap(({ owned }) => [...pairsOf(owned)].map(([id, index]) => `${id}-${index}`))
  }

  /** Everybody calls every five seconds, and hears, long enough for the lost to be thrown out and to come back. */
  calm(): void {
    this.#messages = []
    this.#answers = []
    for (let round = 0; round < 50; round++) {
      this.#nowMs += 5000
      for (let client = 0; client < clients; client++) {
        this.#giveUp(this.#client(client))
        this.#send(client)
        this.do({ kind: 'deliver', which: 0 })
        this.do({ kind: 'answer', which: 0 })
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

  #giveUp(client: Client): void {
    if (client.waits !== undefined) client.said = undefined
    client.waits = undefined
  }

  #send(index: number): void {
    const client = this.#client(index)
    if (client.waits !== undefined) return
    const joins = client.epoch === 0
    const { said } = client
    this.#count++
    client.waits = this.#count
    const request: ConsumerRequest = {
      memberId: client.memberId,
      memberEpoch: client.epoch,
      instanceId: null,
      rackId: null,
      clientId: 'c',
      clientHost: 'h',
      rebalanceTimeoutMs: joins ? 60_000 : -1,
      subscribedNames: joins || said?.topics !== client.topics ? client.topics : null,
      subscribedRegex: null,
      assignor: null,
      owned: joins ? noPartitions : said && isSame(said.owned, client.owned) ? null : client.owned,
    }
    client.said = { owned: client.owned, topics: client.topics }
    this.#messages.push({ client: index, number: this.#count, request })
  }

  /** It stops consuming, says so, and comes back as somebody else. */
  #leave(index: number): void {
    const client = this.#client(index)
    if (client.epoch === 0) return
    client.waits = undefined
    this.#send(index)
    const message = this.#messages.pop()
    if (message === undefined) return
    const request = { ...message.request, memberEpoch: -1, owned: null, subscribedNames: null }
    this.#messages.push({ ...message, request })
    Object.assign(client, newClient(`${client.memberId}'`), { topics: client.topics })
  }

  #deliver({ client, number, request }: Message): void {
    const moment = { nowMs: this.#nowMs, randomId: `life${number}` }
    const step = consumerHeartbeat(this.group, request, this.#topics, { ...defaultGroupLimits }, moment)
    if (step.group !== undefined) assertGroup(step.group)
    this.group = step.group
    this.#answers.push({ client, number, reply: step.reply })
  }

  #hear({ client: index, number, reply }: Answer): void {
    const client = this.#client(index)
    if (client.waits !== number) return
    client.waits = undefined
    if (reply.error !== 'NONE') {
      // It abandons what it has and joins again.
      Object.assign(client, { epoch: 0, owned: noPartitions, said: undefined })
      return
    }
    client.epoch = reply.memberEpoch
    if (reply.assignment !== null) client.owned = reply.assignment
  }
}

const newClient = (memberId: string): Client => ({
  memberId,
  epoch: 0,
  owned: noPartitions,
  waits: undefined,
  topics: ['t'],
  said: undefined,
})

const pick = <Value>(list: readonly Value[], which: number): Value | undefined => list[which % list.length]

const client = fc.nat({ max: clients - 1 })
const which = fc.nat({ max: 20 })

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), client }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('deliver' as const), which }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('answer' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('repeat' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('giveUp' as const), client }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('lose' as const, 'loseAnswer' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), client }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('grow' as const), topic: fc.nat({ max: 1 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('subscribe' as const), client, topics: fc.subarray([...names]) }),
  },
)

test('no partition is ever consumed by two, however heartbeats are delayed, repeated and lost', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 20, maxLength: 120 }), (events) => {
      const world = new World()
      for (const one of events) {
        world.do(one)
        const consumed = world.consumed()
        expect(consumed.toSorted()).toEqual([...new Set(consumed)].toSorted())
      }
    }),
    { numRuns: 1000 },
  )
})

test('once the network is calm, everything that somebody subscribes to is consumed', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 20, maxLength: 80 }), (events) => {
      const world = new World()
      // A subscription that arrives late cannot be told from a new one, and is not said again.
      for (const one of events) if (one.kind !== 'subscribe') world.do(one)
      world.calm()
      expect(world.consumed().toSorted()).toEqual(world.wanted().toSorted())
    }),
    { numRuns: 500 },
  )
})
