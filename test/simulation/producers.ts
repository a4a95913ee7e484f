import { batchFrom, type Verdict } from '../../lib/log/append.ts'
import { journalPartition, type Shard } from '../../lib/store/keys.ts'
import { batch } from '../support/batches.ts'
import type { Reply } from './fleet.ts'
import type { Send, Try } from './history.ts'
import { lead } from './upkeep.ts'
import type { Machine, World } from './world.ts'

/** Handlers give up after one of these. */
const handlerMs = [300, 2000, 10_000] as const
/** A client tells its application that it does not know after this (`delivery.timeout.ms`). */
export const deliveryMs = 60_000
const longestRetryMs = 1000

type Batch = {
  readonly partition: number
  readonly bytes: Buffer
  readonly isIdempotent: boolean
  readonly send: Send
  readonly tries: Try[]
  readonly leaderEpochs: (number | undefined)[]
}

type Outcome = 'acknowledged' | 'refused' | 'unknown'

/** Sends batches to one shard. Whoever calls decides what an outcome means. */
class Sender {
  readonly world: World
  readonly shard: Shard
  readonly #name: string
  /** The machine it talks to for the most part. */
  readonly #slot: number
  #batches = 0

  constructor(world: World, shard: Shard, name: string) {
    this.world = world
    this.shard = shard
    this.#name = name
    this.#slot = world.random.int(world.scenario.machines)
  }

  batch(partition: number, sequence?: { producerId: number; producerEpoch: number; baseSequence: number }): Batch {
    const { random, recorder, watcher, schedule } = this.world
    this.#batches += 1
    const records = random.pick([1, 1, 2, 3])
    const padding = random.pick([0, 0, 0, 100, 400])
    const value = `${this.#name}:${this.#batches}${'.'.repeat(padding)}`
    const timestamp = BigInt(Math.floor(schedule.nowMs + random.between(-500, 500)))
    const bytes = batch({
      records,
      value: records === 1 ? value : `${value}/`,
      timestamp,
      ...(sequence && { ...sequence, producerId: BigInt(sequence.producerId) }),
    })
    const values = records === 1 ? [value] : Array.from({ length: records }, (_, i) => `${value}/${i}`)
    const tries: Try[] = []
    const leaderEpochs: (number | undefined)[] = []
    const name = watcher.journal(journalPartition(this.shard)).partitionName(partition)
    const send = { partition: name, values, isIdempotent: sequence !== undefined, tries, leaderEpochs }
    recorder.sends.push(send)
    return { partition, bytes, isIdempotent: send.isIdempotent, send, tries, leaderEpochs }
  }

  /** One try of batches that share a request. `isInTurn`: nothing entitles anybody to refuse them. */
  async try(
    batches: readonly Batch[],
    isInTurn: boolean,
    leaderEpochAt: (machine: Machine) => Promise<number | undefined> = async () => undefined,
  ): Promise<readonly Outcome[]> {
    const { world, shard } = this
    const from = world.recorder.tick()
    const timeoutMs = world.random.pick([2000, 29_000])
    const ms = world.random.pick(handlerMs)
    const append = async (machine: Machine) => {
      const untilMs = machine.clock.now() + ms
      const leaderEpoch = await leaderEpochAt(machine)
      for (const { leaderEpochs } of batches) leaderEpochs.push(leaderEpoch)
      const sent = batches.map(({ partition, bytes }) => batchFrom(partition, bytes))
      const request = { batches: sent, leaderEpoch }
      const answer = await machine.lane(shard).append(world.mutation.send?.(request) ?? request, untilMs)
      const isDeposed = answer.outcome === 'decided' && answer.verdicts.some(isFenced)
      // Of its own epoch only: it may have become leader again meanwhile.
      if (isDeposed && machine.leads.get(shard.topicId) === leaderEpoch) machine.leads.delete(shard.topicId)
      return answer
    }
    const reply = await world.request(`append of ${this.#name}`, this.machine(), timeoutMs, append)
    const to = world.recorder.tick()
    if (reply.outcome === 'failed' && !world.isRetriable(reply.error))
      world.report('unexpected-error', String(reply.error))
    return batches.map(({ tries }, i) => {
      const { outcome, offset, error, isDuplicate } = outcomeOf(reply, i)
      if (error) world.tally.hit(`refused: ${error}`)
      if (isDuplicate) world.tally.hit('duplicate answered')
      tries.push({ from, to, outcome, offset, isInTurn, ...(error && { error }) })
      return outcome
    })
  }

  machine(): Machine {
    const { random } = this.world
    return random.chance(0.8) ? this.world.machine(this.#slot) : this.world.machine()
  }

  pause(limitMs: number): Promise<void> {
    return this.world.schedule.sleep(this.world.random.spread(1, limitMs))
  }
}

const isFenced = (verdict: Verdict): boolean => verdict.outcome === 'refused' && verdict.error === 'FENCED_LEADER_EPOCH'

const outcomeOf = (
  reply: Reply<Awaited<ReturnType<ReturnType<Machine['lane']>['append']>>>,
  index: number,
): { readonly outcome: Outcome; readonly offset?: number; readonly error?: string; readonly isDuplicate?: boolean } => {
  if (reply.outcome !== 'answered' || reply.value.outcome === 'unknown') return { outcome: 'unknown' }
  const verdict: Verdict | undefined = reply.value.verdicts[index]
  if (verdict === undefined) return { outcome: 'unknown' }
  if (verdict.outcome !== 'refused') {
    const isDuplicate = verdict.outcome === 'duplicate'
    return { outcome: 'acknowledged', offset: Number(verdict.baseOffset), isDuplicate }
  }
  // The batch is in the log, longer ago than offsets are remembered.
  if (verdict.error === 'DUPLICATE_SEQUENCE_NUMBER') return { outcome: 'acknowledged', error: verdict.error }
  return { outcome: 'refused', error: verdict.error }
}

/** Bursts with silence between them, so that requests join, collide and find old views. */
const bursts = async (sender: Sender, batches: number, send: () => Promise<void>): Promise<void> => {
  const { world } = sender
  for (let sent = 0; sent < batches && !world.isClosing; ) {
    for (let left = world.random.pick([1, 2, 5, 8]); left > 0 && sent < batches; left--, sent++) await send()
    await sender.pause(world.scenario.activeMs / 10)
  }
}

/** A producer without idempotence: repeats what has no answer, so that a record is there at least once. */
export const plainProducer = async (world: World, shard: Shard, name: string): Promise<void> => {
  const sender = new Sender(world, shard, name)
  const { random, scenario } = world
  const isLed = scenario.hasLeaders && random.chance(0.3)
  const leaderEpochAt = isLed ? asLeader(world, shard, 0.2) : undefined
  await bursts(sender, scenario.batchesPerProducer, async () => {
    const partitions = random.pick([1, 1, scenario.partitionsPerShard])
    let batches = Array.from({ length: partitions }, () => sender.batch(random.int(scenario.partitionsPerShard)))
    for (let retries = random.int(4); ; retries--) {
      const outcomes = await sender.try(batches, !isLed, leaderEpochAt)
      batches = batches.filter((_, i) => outcomes[i] === 'unknown')
      if (retries <= 0 || batches.length === 0) break
      await sender.pause(longestRetryMs)
    }
  })
}

/**
 * An idempotent producer with several batches in flight, as Kafka's own clients are: the same sequence until there is
 * an answer, refused batches again once those before them are settled, another id or epoch when it must give one up.
 */
export const idempotentProducer = async (world: World, shard: Shard, name: string): Promise<void> => {
  const sender = new Sender(world, shard, name)
  const { random, scenario, schedule } = world
  const isLed = scenario.hasLeaders && random.chance(0.6)
  const leaderEpochAt = isLed ? asLeader(world, shard, random.pick([0.1, 0.5, 1])) : undefined
  const maxInFlight = random.pick([1, 2, 5])
  const partition = random.int(scenario.partitionsPerShard)
  let producerId = world.newProducerId()
  let producerEpoch = 0
  let nextSequence = 0
  let isGivenUp = false
  /** Sequences of batches that are not settled. */
  const unsettled = new Set<number>()
  const inFlight = new Set<Promise<void>>()

  const deliver = async (batch: Batch, sequence: number): Promise<void> => {
    const untilMs = schedule.nowMs + deliveryMs
    unsettled.add(sequence)
    while (!isGivenUp) {
      const isInTurn = ![...unsettled].some((other) => other < sequence) && !isLed
      const [outcome] = await sender.try([batch], isInTurn, leaderEpochAt)
      if (outcome === 'acknowledged') {
        unsettled.delete(sequence)
        return
      }
      if (schedule.nowMs > untilMs || (outcome === 'refused' && isInTurn)) isGivenUp = true
      else if (outcome === 'refused') await schedule.sleep(random.between(300, 3 * longestRetryMs))
      else await sender.pause(longestRetryMs)
    }
  }

  await bursts(sender, scenario.batchesPerProducer, async () => {
    while (inFlight.size >= maxInFlight) await Promise.race(inFlight)
    if (isGivenUp) {
      await Promise.all(inFlight)
      world.tally.hit('producer gave a batch up')
      if (random.chance(0.5)) producerEpoch += 1
      else [producerId, producerEpoch] = [world.newProducerId(), 0]
      nextSequence = 0
      unsettled.clear()
      isGivenUp = false
    }
    const batch = sender.batch(partition, { producerId, producerEpoch, baseSequence: nextSequence })
    const flight = deliver(batch, nextSequence).finally(() => inFlight.delete(flight))
    inFlight.add(flight)
    nextSequence += batch.send.values.length
    await sender.pause(50)
  })
  await Promise.all(inFlight)
}

/** A machine that does not believe to lead makes itself leader first, or appends like everybody else. */
const asLeader =
  (world: World, shard: Shard, share: number) =>
  async (machine: Machine): Promise<number | undefined> => {
    const led = machine.leads.get(shard.topicId)
    if (led !== undefined || !world.random.chance(share)) return led
    return lead(machine, shard, world.random.int(3))
  }

/** Sends what must be refused: sequences that nobody has reached, leader epochs that nobody has. */
export const intruder = async (world: World, shard: Shard, name: string): Promise<void> => {
  const sender = new Sender(world, shard, name)
  const { random, scenario } = world
  for (let i = 0; i < 4 && !world.isClosing; i++) {
    const partition = random.int(scenario.partitionsPerShard)
    const sequence = { producerId: world.newProducerId(), producerEpoch: 0, baseSequence: 5 }
    const isLeader = random.chance(0.5)
    const batch = sender.batch(partition, isLeader ? undefined : sequence)
    await sender.try([batch], false, isLeader ? async () => 999 : undefined)
    await sender.pause(scenario.activeMs / 3)
  }
}
