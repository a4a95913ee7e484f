import { expect, test } from 'vitest'
import { Groups } from '../../lib/group/groups.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { VirtualClock } from './virtual-clock.ts'

const orders = { id: 'orders', name: 'orders', partitions: 3 }
const topics = { find: async () => orders, all: async () => [orders] }
const anHourMs = 3_600_000

const client = { instanceId: null, clientId: 'c', clientHost: '/127.0.0.1', rebalanceTimeoutMs: 60_000 }

/** A member of the new protocol that joins. */
const consumer = {
  ...client,
  memberId: 'm1',
  rackId: null,
  memberEpoch: 0,
  subscribedNames: ['orders'],
  subscribedRegex: null,
  assignor: null,
  owned: {},
}

const world = () => {
  const clock = new VirtualClock()
  const groups = new Groups({ items: memoryItems(), objects: memoryObjects(() => clock.now()), clock }, topics)
  const joinClassic = async () => {
    const joined = groups.join('g', {
      ...client,
      memberId: '',
      sessionTimeoutMs: 45_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('m') }],
      knowsMemberIdRequired: false,
      knowsSkipAssignment: true,
    })
    await clock.move(400)
    return joined
  }
  const joinConsumers = () => groups.consumerHeartbeat('g', consumer)
  return { clock, groups, joinClassic, joinConsumers }
}

test('a group of the new protocol whose members all died takes classic members', async () => {
  const { clock, joinClassic, joinConsumers } = world()
  expect(await joinConsumers()).toMatchObject({ error: 'NONE' })
  expect(await joinClassic()).toMatchObject({ error: 'INCONSISTENT_GROUP_PROTOCOL' })
  await clock.move(anHourMs)
  expect(await joinClassic()).toMatchObject({ error: 'NONE' })
})

test('a classic group whose members all died takes members of the new protocol', async () => {
  const { clock, joinClassic, joinConsumers } = world()
  expect(await joinClassic()).toMatchObject({ error: 'NONE' })
  expect(await joinConsumers()).toMatchObject({ error: 'GROUP_ID_NOT_FOUND' })
  await clock.move(anHourMs)
  expect(await joinConsumers()).toMatchObject({ error: 'NONE' })
})

test('whoever resets the offsets of a group by its age alone makes its members hear of it', async () => {
  const { clock, groups, joinConsumers } = world()
  const { memberEpoch } = await joinConsumers()
  await clock.move(anHourMs)
  const reset = [{ topicId: 'orders', commits: [{ index: 0, offset: 7n, leaderEpoch: -1, metadata: '' }] }]
  const nobody = { memberId: '', instanceId: null, generationOrEpoch: -1 }
  expect((await groups.commit('g', nobody, reset)).get('orders')?.get(0)).toBe('NONE')
  const beat = { ...consumer, memberEpoch, subscribedNames: null, owned: null }
  expect(await groups.consumerHeartbeat('g', beat)).toMatchObject({ error: 'UNKNOWN_MEMBER_ID' })
})
