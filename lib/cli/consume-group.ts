import { realClock } from '../clock.ts'
import { clientFor, inPath, ServerRefused } from './client.ts'
import type { Surroundings } from './command.ts'
import { type ConsumeOptions, Printer } from './consume-run.ts'
import { type Exit, exits } from './failures.ts'
import type { ReadRecord } from './record-text.ts'
import { stopSignal } from './stop-signal.ts'

type GroupOptions = ConsumeOptions & {
  readonly group: string
  /** Ends when there is nothing to hand out. */
  readonly isEnding: boolean
}

type Lent = { readonly lease: string | null; readonly records: readonly ReadRecord[] }

const pollRecords = 500
const leaseMs = 30_000
const maxWaitMs = 20_000
/** Between two polls that find nothing, where the server does not wait. */
const firstPauseMs = 250
const maxPauseMs = 5000

/** Prints what the group is handed out, then commits it: what is not printed is handed out again. */
export const runGroupConsume = async (options: GroupOptions, around: Surroundings): Promise<Exit> => {
  const { group, topics, isEnding, isQuiet } = options
  const stopping = stopSignal()
  const client = clientFor(options.client, around)
  const printer = new Printer(options, around.out)
  const path = `/v1/groups/${inPath(group)}`
  const poll = async (waitMs: number): Promise<Lent | undefined> => {
    const body = { topics, limit: Math.min(pollRecords, printer.left), wait: waitMs, leaseMs, worker: 'wadi consume' }
    try {
      // What is lent to an answer that is lost comes back when its lease ends.
      const asked = { method: 'POST', path: `${path}/poll`, body, waitMs, stopping, isRepeatable: true } as const
      return await client.ask<Lent>(asked)
    } catch (error) {
      if (stopping.aborted) return undefined
      throw error
    }
  }
  const commit = async (lease: string): Promise<void> => {
    try {
      await client.ask({ method: 'POST', path: `${path}/ack`, body: { lease }, isRepeatable: true })
    } catch (error) {
      if (!(error instanceof ServerRefused) || error.code !== 'FENCED') throw error
      if (!isQuiet)
        around.err.write('wadi consume: printing took longer than the lease: some may be handed out again\n')
    }
  }
  for (let pauseMs = firstPauseMs; printer.left > 0 && !stopping.aborted; ) {
    const startMs = realClock.now()
    const lent = await poll(isEnding ? 0 : maxWaitMs)
    if (lent === undefined) break
    if (lent.lease !== null) {
      await printer.print(lent.records)
      await commit(lent.lease)
      pauseMs = firstPauseMs
      continue
    }
    if (isEnding) break
    if (realClock.now() - startMs >= maxWaitMs / 2) continue
    await realClock.sleep(pauseMs, stopping)
    pauseMs = Math.min(maxPauseMs, 2 * pauseMs)
  }
  return exits.ok
}
