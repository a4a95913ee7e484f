import { setTimeout as pause } from 'node:timers/promises'
import { withAdmin } from '../support/admin.ts'

export type CommitWatch = {
  /** How often offsets were compared. */
  readonly looks: () => number
  readonly problems: readonly string[]
  readonly stop: () => Promise<void>
}

export type CommitWatchOptions = {
  readonly bootstraps: readonly string[]
  readonly topic: string
  readonly groups: readonly { readonly name: string }[]
}

const lookEveryMs = 2000

/** Asks again and again what groups have committed and then where the log ends, each time another server: no group is ahead of the log. */
export const watchCommits = ({ bootstraps, topic, groups }: CommitWatchOptions): CommitWatch => {
  const stopping = new AbortController()
  const problems: string[] = []
  let looks = 0
  const look = async (turn: number, groupId: string): Promise<void> => {
    const [one = '', other = one] = [bootstraps[turn % bootstraps.length], bootstraps[(turn + 1) % bootstraps.length]]
    const committed = await withAdmin(one, (admin) => admin.fetchOffsets({ groupId, topics: [topic] }))
    const ends = await withAdmin(other, (admin) => admin.fetchTopicOffsets(topic))
    const endOf = new Map(ends.map(({ partition, high }) => [partition, Number(high)]))
    looks += 1
    for (const { partition, offset } of committed[0]?.partitions ?? []) {
      const end = endOf.get(partition) ?? 0
      if (Number(offset) > end)
        problems.push(`${groupId} had committed ${offset} in partition ${partition} when its log ended at ${end}`)
    }
  }
  const watching = (async () => {
    for (let turn = 0; !stopping.signal.aborted; turn++) {
      // Who cannot be reached now can be asked later.
      for (const { name } of groups) await look(turn, name).catch(() => {})
      await pause(lookEveryMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
  })()
  return {
    looks: () => looks,
    problems,
    stop: async () => {
      stopping.abort()
      await watching
    },
  }
}
