import { expect, test } from 'vitest'
import { type Fault, faultyItems } from '../../lib/store/faults.ts'
import { memoryItems } from '../../lib/store/memory.ts'
import { Random } from '../simulation/random.ts'
import { FixedClock } from '../support/log.ts'
import { httpWorld, type Told } from './world.ts'

const workers = 20
const partitions = 6
const perPartition = 40
const leaseMs = 4000
const bodyOf = (value: unknown) => ({ body: value })

type Handed = { readonly partition: number; readonly offset: number; readonly attempt: number }

/** What a worker was told of one record: who had it, whether it went well, and when that was certain. */
type Event = {
  readonly what: 'handed' | 'done' | 'maybe done' | 'failed'
  readonly place: string
  readonly lease: string
  readonly isFirst: boolean
}

const numberOf = (lease: string): number => Number.parseInt(lease, 10)

const placeOf = ({ partition, offset }: Handed): string => `${partition}/${offset}`

/** Twenty workers over one group, some of which sleep, forget or fail, over a store that loses answers. */
const simulate = async (seed: number) => {
  const random = new Random(seed)
  const clock = new FixedClock()
  let isCalm = true
  const decide = (): Fault => {
    if (isCalm || random.chance(0.9)) return { fault: 'pass' }
    if (random.chance(0.3)) return { fault: 'drop-before' }
    if (random.chance(0.5)) return { fault: 'drop-after' }
    return { fault: 'delay', beforeMs: random.int(500), afterMs: random.int(500) }
  }
  const items = faultyItems(memoryItems(), { decide, sleep: (ms) => clock.sleep(ms) })
  const w = httpWorld({}, { clock, items })
  await w.ask('PUT', '/v1/topics/orders', bodyOf({ partitions }))
  const records = Array.from({ length: partitions * perPartition }, (_, i) => ({ value: i, partition: i % partitions }))
  await w.ask('POST', '/v1/topics/orders/records', bodyOf({ records }))
  const events: Event[] = []
  const note = (what: Event['what'], lease: string, list: readonly Handed[]): void => {
    for (const one of list) events.push({ what, place: placeOf(one), lease, isFirst: one.attempt === 1 })
  }
  const post = (verb: string, body: object) => w.ask('POST', `/v1/groups/g/${verb}`, bodyOf(body))

  /** Says the same until the answer is certain. */
  const acknowledge = async (lease: string, handed: readonly Handed[]): Promise<void> => {
    const failed = handed.filter(() => random.chance(0.1))
    const retry = random.chance(0.8)
    const told = failed.map(({ partition, offset }) => ({ topic: 'orders', partition, offset, retry }))
    const done = handed.filter((one) => !failed.includes(one))
    let isUncertain = false
    for (let tries = 0; tries < 30; tries++) {
      const { status } = await post('ack', { lease, failed: told })
      if (status === 200) {
        note('done', lease, done)
        return note('failed', lease, failed)
      }
      if (status === 409) return isUncertain ? note('maybe done', lease, done) : undefined
      expect([status, [503, 504].includes(status)]).toEqual([status, true])
      isUncertain = true
    }
    throw new Error('the store did not recover')
  }

  const work = async (worker: number): Promise<void> => {
    while (!isCalm) {
      const { status, body } = await post('poll', {
        topics: ['orders'],
        limit: 1 + random.int(10),
        leaseMs,
        worker: `w${worker}`,
      })
      if (status !== 200 || body.lease === null) {
        await clock.sleep(random.int(400))
        continue
      }
      note('handed', body.lease, body.records)
      const fate = random.next()
      if (fate < 0.1) continue
      if (fate < 0.3) await clock.sleep(leaseMs + random.int(2000))
      if (fate > 0.95) await post('release', { lease: body.lease })
      else await acknowledge(body.lease, body.records)
    }
  }

  isCalm = false
  const all = Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)))
  for (let turn = 0; turn < 1200; turn++) await new Promise((resolve) => setImmediate(resolve))
  isCalm = true
  await all
  // Now everything that is left is worked off, by one who makes no mistakes.
  for (let rounds = 0; rounds < 1000; rounds++) {
    const { body } = await post('poll', { topics: ['orders'], leaseMs, limit: 1000 })
    if (body.lease === null) {
      const group = (await w.ask('GET', '/v1/groups/g')).body
      if (group.failed.length === 0 && group.members.length === 0) break
      clock.move(leaseMs)
      continue
    }
    note('handed', body.lease, body.records)
    expect((await post('ack', { lease: body.lease })).status).toBe(200)
    note('done', body.lease, body.records)
  }
  const letters: { readonly partition: string; readonly offset: string }[] = []
  let next: string | undefined = 'earliest'
  while (next !== undefined) {
    const page: Told['body'] = (await w.ask('GET', `/v1/topics/orders.g.dlq/records?from=${next}&limit=1000`)).body
    for (const { headers } of page.records ?? []) {
      letters.push({ partition: headers['wadi.dlq.partition'], offset: headers['wadi.dlq.offset'] })
    }
    next = page.upToDate === false ? page.next : undefined
  }
  const lag = (await w.ask('GET', '/v1/groups/g/lag')).body.lag
  return {
    events,
    letters: letters.map(({ partition, offset }) => `${partition}/${offset}`),
    lag,
  }
}

const count = Number(process.env['WADI_LEASES_HISTORIES'] ?? 3)
const firstSeed = Number(process.env['WADI_LEASES_SEED'] ?? 1)
/** In all of them together: what a machine has time for in one is not always much. */
const happened = { failed: 0, letters: 0, leases: 0 }
const seeds = Array.from({ length: count }, (_, i) => firstSeed + i)

test.each(seeds)('no record is lost, and none is acknowledged by two leases (seed %i)', async (seed) => {
  const { events, letters, lag } = await simulate(seed)
  expect(lag).toBe(0)
  const by = new Map<string, Event[]>()
  for (const event of events) by.set(event.place, [...(by.get(event.place) ?? []), event])
  const problems: string[] = []
  const lettersOf = new Map<string, number>()
  for (const place of letters) lettersOf.set(place, (lettersOf.get(place) ?? 0) + 1)
  for (let i = 0; i < partitions * perPartition; i++) {
    const place = `${i % partitions}/${Math.floor(i / partitions)}`
    const own = by.get(place) ?? []
    const done = own.filter(({ what }) => what === 'done')
    const sent = lettersOf.get(place) ?? 0
    const maybe = own.some(({ what }) => what === 'maybe done')
    if (done.length === 0 && sent === 0 && !maybe) problems.push(`${place} is lost`)
    const leases = new Set(own.filter(({ what, isFirst }) => what === 'done' && isFirst).map(({ lease }) => lease))
    if (leases.size > 1) problems.push(`${place} was acknowledged by ${[...leases].join(' and ')}`)
    if (sent > 1) problems.push(`${place} is a dead letter ${sent} times`)
    // Whoever acknowledges a record is the last it was lent to, before and after.
    for (const event of own) {
      if (event.what !== 'done' || !event.isFirst) continue
      const handed = own.filter(({ what, isFirst }) => what === 'handed' && isFirst)
      if (!handed.some(({ lease }) => lease === event.lease)) problems.push(`${event.lease} never had ${place}`)
      // An answer may come so late that its lease has ended: numbers tell which was later.
      const later = handed.find(({ lease }) => numberOf(lease) > numberOf(event.lease))
      if (later) problems.push(`${place} was lent to ${later.lease}, and ${event.lease} has acknowledged it`)
    }
  }
  expect(problems).toEqual([])
  happened.failed += events.filter(({ what }) => what === 'failed').length
  happened.letters += letters.length
  happened.leases += new Set(events.map(({ lease }) => lease)).size
})

test('in these histories records have failed, died and been lent many times', () => {
  expect(happened.failed).toBeGreaterThan(5 * count)
  expect(happened.letters).toBeGreaterThan(0)
  expect(happened.leases).toBeGreaterThan(20 * count)
})
