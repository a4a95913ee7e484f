import { isTicketValid } from './append.ts'
import { producerOf } from './producers.ts'
import type { Change } from './row.ts'
import { leaderEpochOf, partitionOf, type State } from './state.ts'

/** Why a change may not be written now, or undefined when it may. Everything that `apply` relies on is asked here. */
export const refusal = (state: State, change: Exclude<Change, { kind: 'append' }>): string | undefined => {
  if (state.ended) return 'the topic is deleted'
  switch (change.kind) {
    case 'flush':
      if (state.flushed !== change.from) return `rows up to ${state.flushed} are flushed already`
      if (change.upTo <= change.from || change.upTo > state.seq) return `rows up to ${change.upTo} cannot be flushed`
      return staleTicket(
        state,
        change.segments.map(({ segment }) => segment.name),
      )
    case 'rewrite': {
      const { segments } = partitionOf(state, change.partition)
      const first = segments.findIndex((s) => same(s, change.removed[0]))
      const present = change.removed.every((removed, i) => same(segments[first + i], removed))
      if (first < 0 || !present) return 'a segment that is to be replaced is gone'
      return staleTicket(
        state,
        change.added.map((segment) => segment.name),
      )
    }
    case 'trim': {
      const { logStartOffset, endOffset } = partitionOf(state, change.partition)
      if (change.logStartOffset > endOffset) return `the end is ${endOffset}`
      return change.logStartOffset <= logStartOffset ? `the log starts at ${logStartOffset} already` : undefined
    }
    case 'lead':
      return change.epoch === leaderEpochOf(state) + 1 ? undefined : `the epoch is ${leaderEpochOf(state)}`
    case 'tickets':
      if (change.to <= state.tickets) return `tickets are at ${state.tickets} already`
      return change.to > state.seq ? `there is no row ${change.to} yet` : undefined
    case 'expire': {
      const { producers } = partitionOf(state, change.partition)
      const hasLater = change.producers.some(({ producerId, seq }) => producerOf(producers, producerId)?.seq !== seq)
      return hasLater ? 'a producer came back' : undefined
    }
    case 'end':
      return undefined
  }
}

const same = (a: { name: string; position: number } | undefined, b: { name: string; position: number } | undefined) =>
  a !== undefined && b !== undefined && a.name === b.name && a.position === b.position

const staleTicket = (state: State, names: readonly string[]): string | undefined =>
  names.every((name) => isTicketValid(state, name)) ? undefined : 'a sweep has passed since the object was written'
