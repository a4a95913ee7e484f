import { ClassicClient } from './groups-classic.ts'
import type { Client } from './groups-client.ts'
import { ConsumerClient } from './groups-consumer.ts'
import type { GroupWorld } from './groups-world.ts'

/** Whoever looks after a client does not wait longer for one that stands still. */
const noticedFreezeMs = 2000
const lookMs = 500
const longestGhostMs = 20_000
const restartPauseMs = { least: 50, most: 8000 }

/** A place for one client: started again whenever it has ended, or stands still. */
export class Slot {
  readonly #world: GroupWorld
  readonly #name: string
  readonly #instanceId: string | null
  #started = 0
  client: Client | undefined

  constructor(world: GroupWorld, name: string, instanceId: string | null) {
    this.#world = world
    this.#name = name
    this.#instanceId = instanceId
  }

  async supervise(): Promise<void> {
    const { random, schedule } = this.#world
    await schedule.sleep(random.chance(0.5) ? 0 : random.spread(1, 20_000))
    for (;;) {
      await this.#recess()
      const client = this.#start()
      this.client = client
      await Promise.race([client.run(), client.crashed.promise, this.#standsStill(client)])
      this.client = undefined
      if (!client.hasEnded) this.#ghost(client)
      await schedule.sleep(random.spread(restartPauseMs.least, restartPauseMs.most))
    }
  }

  /** Everybody is away: nobody starts. */
  async #recess(): Promise<void> {
    const { scenario, elapsedMs, schedule, random } = this.#world
    const { recess } = scenario
    if (recess === undefined || elapsedMs < recess.atMs || elapsedMs > recess.atMs + recess.lastsMs) return
    await schedule.sleep(recess.atMs + recess.lastsMs - elapsedMs + random.int(1000))
  }

  #start(): Client {
    const world = this.#world
    const { scenario, elapsedMs } = world
    const { recess } = scenario
    const isLater = recess !== undefined && elapsedMs > recess.atMs
    this.#started += 1
    const name = `${this.#name}.${this.#started}`
    const protocol = isLater ? scenario.laterProtocol : scenario.protocol
    const client =
      protocol === 'classic'
        ? new ClassicClient(world, name, this.#instanceId)
        : new ConsumerClient(world, name, this.#instanceId)
    client.note(`starts, ${protocol}`)
    world.spawn(`work of ${name}`, client.work())
    return client
  }

  async #standsStill(client: Client): Promise<void> {
    const { schedule } = this.#world
    while (!client.hasEnded) {
      await schedule.sleep(lookMs)
      if (client.process.frozenUntilMs > schedule.nowMs + noticedFreezeMs) return
    }
    return new Promise(() => {})
  }

  /** It has been replaced, but goes on when it thaws, until somebody kills it. */
  #ghost(client: Client): void {
    const { schedule, random } = this.#world
    client.note('is replaced')
    client.hasBeenReplaced = true
    const endMs = client.process.frozenUntilMs + random.spread(100, longestGhostMs)
    this.#world.restless(endMs)
    schedule.at(endMs, () => {
      if (!client.hasEnded) client.crash()
    })
  }
}
