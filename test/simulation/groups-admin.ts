import { newTry, requestTimeoutMs, settle, topicCommits } from './groups-client.ts'
import { type GroupWorld, groupId } from './groups-world.ts'

/** An administrator's mean pause. */
const pauseMs = { least: 1000, most: 8000 }
const farOffset = 200

/** Looks at the offsets, and changes them whenever that is allowed: then the group is empty. */
export const administrator = async (world: GroupWorld, name: string): Promise<void> => {
  const { random, schedule } = world
  for (;;) {
    await schedule.sleep(random.between(pauseMs.least, pauseMs.most))
    if (world.isClosing) return
    const chance = random.next()
    if (chance < 0.4) await look(world, name)
    else if (chance < 0.8) await reset(world, name)
    else if (chance < 0.95) await forget(world, name)
    else await deleteGroup(world, name)
  }
}

const partitionsOf = ({ scenario }: GroupWorld): readonly string[] =>
  scenario.topics.flatMap(({ id, partitions }) => Array.from({ length: partitions }, (_, index) => `${id}/${index}`))

/** Reads all offsets. Whether it was answered. */
export const look = async (world: GroupWorld, name: string): Promise<boolean> => {
  const { recorder } = world
  const sentAt = recorder.tick()
  const reply = await world.request(`fetch of ${name}`, world.coordinator(), requestTimeoutMs, (groups) =>
    groups.fetchOffsets(groupId, { memberId: null, memberEpoch: -1 }, undefined),
  )
  if (reply.outcome !== 'answered' || reply.value.error !== 'NONE') return false
  const answeredAt = recorder.tick()
  for (const partition of partitionsOf(world)) {
    const slash = partition.lastIndexOf('/')
    const committed = reply.value.offsets.get(partition.slice(0, slash))?.[Number(partition.slice(slash + 1))]
    recorder.fetches.push({
      client: name,
      partition,
      sentAt,
      answeredAt,
      offset: committed && Number(committed.offset),
    })
  }
  return true
}

const reset = async (world: GroupWorld, name: string): Promise<void> => {
  const { random } = world
  const tries = partitionsOf(world)
    .filter(() => random.chance(0.5))
    .map((partition) => newTry(world, name, undefined, -1, random.int(farOffset), partition))
  if (tries.length === 0) return
  const committer = { memberId: '', instanceId: null, generationOrEpoch: -1 }
  const topics = topicCommits(tries)
  world.note(`${name} resets ${tries.map(({ partition, offset }) => `${partition} to ${offset}`)}`)
  const reply = await world.request(`reset by ${name}`, world.coordinator(), requestTimeoutMs, (groups) =>
    world.looking(tries, () => groups.commit(groupId, committer, topics)),
  )
  settle(world, tries, reply)
  if (tries[0]?.answer === 'NONE') world.tally.hit('offsets reset by an administrator')
}

const forget = async (world: GroupWorld, name: string): Promise<void> => {
  const topics = world.scenario.topics.map(({ id, name: topic, partitions }) => ({
    topicId: id,
    name: topic,
    indexes: Array.from({ length: partitions }, (_, index) => index),
  }))
  const reply = await world.request(`deletion of offsets by ${name}`, world.coordinator(), requestTimeoutMs, (groups) =>
    groups.deleteOffsets(groupId, topics),
  )
  if (reply.outcome === 'answered' && reply.value.error === 'NONE') {
    if ([...reply.value.topics.values()].includes('NONE')) world.tally.hit('offsets deleted by an administrator')
  }
}

const deleteGroup = async (world: GroupWorld, name: string): Promise<void> => {
  const reply = await world.request(`deletion by ${name}`, world.coordinator(), requestTimeoutMs, (groups) =>
    groups.delete(groupId),
  )
  if (reply.outcome === 'answered' && reply.value === 'NONE') world.tally.hit('group deleted')
}

/** Cleans up, as a maintenance job does. */
export const sweeper = async (world: GroupWorld): Promise<void> => {
  const { random, schedule } = world
  while (!world.isClosing) {
    await schedule.sleep(random.between(pauseMs.least, pauseMs.most))
    await world.request('clean-up', world.coordinator(), requestTimeoutMs, (groups) => groups.deleteExpired())
    world.tally.hit('cleaned up')
  }
}
