import type { Lane } from '../journal/lane.ts'
import { singleWriteKnownMs } from '../log/producers.ts'
import { planExpiry, type Retention, retainedFrom } from '../log/retention.ts'
import { partitionOf, type State } from '../log/state.ts'
import { changeTimeoutMs } from './flush.ts'

/**
 * Lets go of what is too old or too much: records by retention, idle producers by age, of whom none is forgotten after
 * `untilMs`. Tells how many rows it wrote.
 */
export const trim = async (
  lane: Lane,
  state: State,
  retention: Retention,
  producerExpirationMs: number,
  untilMs = Number.POSITIVE_INFINITY,
): Promise<number> => {
  const { clock } = lane.journal
  let rows = 0
  for (const { index } of state.partitions.values()) {
    if (retainedFrom(partitionOf(state, index), retention, clock.now()) === undefined) continue
    const answer = await lane.change((current) => {
      const logStartOffset = retainedFrom(partitionOf(current, index), retention, clock.now())
      return logStartOffset === undefined
        ? { refused: 'nothing is too old any more' }
        : { kind: 'trim', partition: index, logStartOffset }
    }, clock.now() + changeTimeoutMs)
    if (answer.outcome === 'changed') rows += 1
  }
  const now = clock.now()
  const before = { producersMs: now - producerExpirationMs, writesMs: now - singleWriteKnownMs }
  for (const expire of planExpiry(state, before)) {
    if (clock.now() >= untilMs) break
    const answer = await lane.change(() => expire, clock.now() + changeTimeoutMs)
    // Somebody else is at it, or the stores are slow: what is left is planned anew by the next pass.
    if (answer.outcome !== 'changed') break
    rows += 1
  }
  return rows
}
