import { administrator, look, sweeper } from './groups-admin.ts'
import { checkGroup } from './groups-checker.ts'
import { Slot } from './groups-slot.ts'
import { type GroupMutation, GroupWorld } from './groups-world.ts'
import type { Outcome } from './outcome.ts'

/** Beyond, what members say is kept in objects. */
const largeBytes = 20_000
/** Every member has its assignment, and every partition its owner, within this time after the last fault. */
const settleMs = 120_000
const lookMs = 500
/** Everything that was asked is answered within this. */
const lastMs = 60_000

/** One history: an active time with faults, a time to settle, the last of the late, a last look. */
export const simulateGroup = async (
  seed: number,
  options: { readonly mutation?: GroupMutation; readonly isTraced?: boolean } = {},
): Promise<Outcome> => {
  const world = new GroupWorld(seed, options)
  const { schedule, scenario, random, recorder } = world
  const slots = Array.from({ length: scenario.members }, (_, i) => {
    const instanceId = random.chance(scenario.staticShare) ? `i${i}` : null
    return new Slot(world, `c${i}`, instanceId)
  })
  for (const slot of slots) world.spawn('a slot', slot.supervise())
  for (let i = 0; i < scenario.administrators; i++) world.spawn('an administrator', administrator(world, `a${i}`))
  if (scenario.metadataBytes >= largeBytes) world.spawn('the sweeper', sweeper(world))
  planRecess(world, slots)
  await schedule.run(schedule.nowMs + scenario.activeMs)
  world.calmDown()
  let settledMs = await settle(world, slots)
  if (world.restlessUntilMs > schedule.nowMs) {
    await schedule.run(world.restlessUntilMs)
    settledMs = Math.max(settledMs, await settle(world, slots))
  }
  let hasLooked = false
  const lastLook = async (): Promise<void> => {
    while (!hasLooked) hasLooked = await look(world, 'the last look')
  }
  world.spawn('the last look', lastLook())
  const pending = new Set(world.pending())
  const untilMs = schedule.nowMs + lastMs
  const isOver = (): boolean => hasLooked && !world.pending().some((one) => pending.has(one))
  while (!isOver() && schedule.nowMs < untilMs) await schedule.run(schedule.nowMs + lookMs)
  if (!hasLooked) world.report('hung', 'the last look')
  for (const one of world.pending()) if (pending.has(one)) world.report('hung', one.what)
  return {
    seed,
    anomalies: checkGroup(recorder),
    operations: world.operations,
    faults: world.faults,
    tally: world.tally,
    virtualMs: world.elapsedMs,
    events: schedule.events,
    settledMs,
    trace: world.trace ?? [],
  }
}

/** Everybody goes, one way or the other. */
const planRecess = (world: GroupWorld, slots: readonly Slot[]): void => {
  const { recess } = world.scenario
  if (recess === undefined) return
  world.schedule.after(recess.atMs, () => {
    world.note('recess')
    for (const { client } of slots) {
      if (client === undefined) continue
      if (world.random.chance(0.3)) client.crash()
      else client.isLeaving = true
    }
  })
}

/** Waits until the group is complete. How long it took. */
const settle = async (world: GroupWorld, slots: readonly Slot[]): Promise<number> => {
  const { schedule } = world
  const fromMs = schedule.nowMs
  while (schedule.nowMs < fromMs + settleMs) {
    await schedule.run(schedule.nowMs + lookMs)
    if (incomplete(world, slots) === undefined) return schedule.nowMs - fromMs
  }
  world.report('unassigned', incomplete(world, slots) ?? '')
  return schedule.nowMs - fromMs
}

/** What is missing. */
const incomplete = ({ scenario }: GroupWorld, slots: readonly Slot[]): string | undefined => {
  for (const [i, { client }] of slots.entries()) {
    if (client === undefined || client.hasEnded) return `c${i} has no client`
    if (!client.isSettled) return `${client.name} has no place`
    if (!client.isWorking) return `${client.name} does not know where to begin`
  }
  for (const { id, partitions } of scenario.topics) {
    for (let index = 0; index < partitions; index++) {
      const owners = slots.filter(({ client }) => client?.holds(`${id}/${index}`)).map(({ client }) => client?.name)
      if (owners.length !== 1) return `${id}/${index} has the owners ${owners}`
    }
  }
  return undefined
}
