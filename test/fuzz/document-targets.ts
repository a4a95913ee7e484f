import { realClock } from '../../lib/clock.ts'
import type { ConsumerGroup, Group, Member } from '../../lib/group/group.ts'
import { type DeletedGroup, decodeGroup, encodeGroup, NewerGroupFormat } from '../../lib/group/group-bytes.ts'
import { decodeOffsets, encodeOffsets } from '../../lib/group/offsets-bytes.ts'
import { readCheckpointItem } from '../../lib/journal/checkpoint-item.ts'
import { Topics } from '../../lib/journal/topics.ts'
import { DamagedDocument } from '../../lib/store/document-shape.ts'
import { checkpointKey, topicKey } from '../../lib/store/keys.ts'
import { memoryItems } from '../../lib/store/memory.ts'
import type { Chance } from '../gateway/chance.ts'
import { codecTarget, mustBe, mustEqual, type Target, unlessRefusedLater } from './target.ts'

const topicId = 'q2bDzq5yQ0ezBUGvKs0Avg'

const anyClassic = (random: Chance): Group => {
  const count = random.below(4)
  const members = Array.from({ length: count }, (_, i): Member => {
    const metadata = random.bytes(random.below(30))
    return {
      memberId: `m${i}`,
      instanceId: random.oneIn(3) ? `i${i}` : null,
      clientId: 'c',
      clientHost: '127.0.0.1',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      protocols: [{ name: 'range', metadata }],
      assignment: random.bytes(random.below(20)),
      joined: false,
      synced: random.oneIn(2),
      seenMs: 5,
    }
  })
  return {
    type: 'classic',
    life: 'AAAAAAAAAAAAAAAA',
    fence: random.below(9),
    emptySinceMs: count === 0 ? 7 : undefined,
    state: count === 0 ? 'Empty' : random.pick(['Stable', 'CompletingRebalance', 'PreparingRebalance']),
    generation: random.below(99),
    protocolType: 'consumer',
    protocol: 'range',
    leader: 'm0',
    members,
    pending: random.oneIn(3) ? [{ memberId: 'p', untilMs: 9 }] : [],
    notBeforeMs: 0,
    deadlineMs: 10,
  }
}

const anyConsumer = (random: Chance): ConsumerGroup => {
  const count = random.below(4)
  return {
    type: 'consumer',
    life: 'AAAAAAAAAAAAAAAA',
    fence: 0,
    emptySinceMs: count === 0 ? 7 : undefined,
    epoch: 9,
    targetEpoch: random.below(9),
    assignor: random.pick(['uniform', 'range']),
    topics: [{ id: topicId, name: 'orders', partitions: 4 }],
    topicsSeenMs: 5,
    members: Array.from({ length: count }, (_, i) => ({
      memberId: `m${i}`,
      instanceId: null,
      rackId: null,
      clientId: 'c',
      clientHost: 'h',
      rebalanceTimeoutMs: 1000,
      subscribedNames: ['orders'],
      subscribedRegex: random.oneIn(3) ? 'o.*' : '',
      assignor: null,
      epoch: random.below(9),
      previousEpoch: 0,
      givenEpoch: 0,
      freshEpoch: random.oneIn(2) ? 4 : undefined,
      target: { [topicId]: [i] },
      assigned: { [topicId]: [i] },
      revoking: {},
      revokeUntilMs: undefined,
      confirmed: true,
      seenMs: 5,
    })),
  }
}

const anyGroup = (random: Chance): Group | DeletedGroup => {
  if (random.oneIn(8)) return { type: 'deleted', life: 'AAAAAAAAAAAAAAAA', deletedMs: 5 }
  return random.oneIn(2) ? anyClassic(random) : anyConsumer(random)
}

const inDocument = (): undefined => undefined
const noObject = async (): Promise<Buffer> => Buffer.of(1)
const damages = [NewerGroupFormat, DamagedDocument] as const

const groups: Target = {
  name: 'group',
  share: 25,
  valid: (random) => encodeGroup(anyGroup(random), inDocument),
  run: (input) =>
    unlessRefusedLater(damages, async () => {
      const group = await decodeGroup(input, noObject)
      const written = encodeGroup(group, inDocument)
      const again = encodeGroup(await decodeGroup(written, noObject), inDocument)
      mustBe(again.equals(written), 'what was written reads as something else')
    }),
  check: async (valid) =>
    mustEqual(
      JSON.parse(encodeGroup(await decodeGroup(valid, noObject), inDocument).toString()),
      JSON.parse(valid.toString()),
      'a valid group comes back as it was',
    ),
}

const offsets: Target = codecTarget({
  name: 'offsets',
  share: 25,
  valid: (random) => {
    const partitions = Array.from({ length: random.below(6) }, (_, i) => [
      i,
      {
        offset: BigInt(random.below(2 ** 30)),
        leaderEpoch: random.below(3) - 1,
        metadata: random.oneIn(2) ? '' : 'told',
        committedMs: 5,
        commit: 1,
      },
    ])
    return encodeOffsets({ fence: random.below(9), commits: 1, partitions: Object.fromEntries(partitions) })
  },
  refusals: damages,
  read: decodeOffsets,
  write: encodeOffsets,
})

/** A topic's document: as `Topics` reads it from the store. */
const topics: Target = {
  name: 'topic',
  share: 15,
  valid: (random) =>
    Buffer.from(
      JSON.stringify({
        name: 'orders',
        partitions: 1 + random.below(20),
        shards: 1 + random.below(2),
        configs: random.oneIn(2) ? {} : { 'retention.ms': String(random.below(99_999)), 'cleanup.policy': 'delete' },
        id: topicId,
        deleted: random.oneIn(5),
      }),
    ),
  run: (input) => unlessRefusedLater([DamagedDocument], () => readTopic(input)),
  check: readTopic,
}

async function readTopic(body: Buffer): Promise<void> {
  const items = memoryItems()
  await items.putIfAbsent(topicKey('orders'), { attempt: 'a', body })
  const found = await new Topics(items, realClock).find('orders')
  const [listed] = await new Topics(items, realClock).all()
  mustEqual(listed, found, 'a topic is listed as it is found')
}

const shard = { topicId, index: 0 }

const checkpointItems: Target = {
  name: 'checkpoint item',
  share: 15,
  valid: (random) =>
    Buffer.from(JSON.stringify({ seq: 5 + random.below(99), object: 'ckpt/000000000005-a', floor: random.below(5) })),
  run: (input) => unlessRefusedLater([DamagedDocument], () => readItem(input)),
  check: readItem,
}

async function readItem(body: Buffer): Promise<void> {
  const items = memoryItems()
  await items.putIfAbsent(checkpointKey(shard), { attempt: 'a', body })
  const item = await readCheckpointItem(items, shard)
  if (item === undefined) throw new Error('it was stored')
  const { seq, floor, object } = item
  mustBe(Number.isSafeInteger(seq) && Number.isSafeInteger(floor), 'rows have numbers')
  mustBe(typeof object === 'string', 'an object has a name')
}

export const documentTargets: readonly Target[] = [groups, offsets, topics, checkpointItems]
