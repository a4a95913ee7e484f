import type { Group } from '../../lib/group/group.ts'
import type { Anomaly } from './checker.ts'
import type { CommitTry, GroupAnomalyClass, GroupHistory, StoredGroup, StoredOffset, Tenure } from './groups-history.ts'

type Report = (anomaly: GroupAnomalyClass, detail: string) => void

/** Everything that is wrong with a history of a group; nothing, when it may have happened. */
export const checkGroup = (history: GroupHistory): readonly Anomaly[] => {
  const anomalies: Anomaly[] = [...history.reports]
  const report: Report = (anomaly, detail) => anomalies.push({ class: anomaly, detail })
  const commits = new Map(history.commits.map((commit) => [commit.id, commit]))
  const byPartition = Map.groupBy(history.stored, ({ partition }) => partition)
  for (const tenures of Map.groupBy(history.tenures, ({ partition }) => partition).values()) {
    checkOwners(tenures, history.replacedMs, report)
    const stored = byPartition.get(tenures[0]?.partition ?? '') ?? []
    checkFences(tenures, stored, commits, report)
  }
  for (const stored of byPartition.values()) checkOrder(stored, commits, report)
  checkAccepted(history, byPartition, report)
  checkFetches(history, byPartition, report)
  return anomalies
}

/** Static members pass on what they have to their next self, which may start while the former still stands. */
const isSameInstance = (a: Tenure, b: Tenure): boolean =>
  a.instanceId === null ? a.memberId === b.memberId : a.instanceId === b.instanceId

const checkOwners = (tenures: readonly Tenure[], replacedMs: GroupHistory['replacedMs'], report: Report): void => {
  for (const [i, first] of tenures.entries()) {
    for (const second of tenures.slice(i + 1)) {
      if (isSameInstance(first, second)) continue
      const both = `${told(first)} and ${told(second)}`
      const isOne = first.generation === second.generation && first.generation !== undefined
      // A group that is deleted and made again begins with generation 1, and has no member of before.
      if (isOne && first.life === second.life) report('two-owners-in-a-generation', both)
      const [former, next] = first.grantedAt <= second.grantedAt ? [first, second] : [second, first]
      const rightUntilMs = Math.min(former.leaseMs, replacedMs.get(former.memberId) ?? Number.POSITIVE_INFINITY)
      const bothFromMs = Math.max(former.fromMs, next.fromMs)
      if (bothFromMs < Math.min(rightUntilMs, former.untilMs, next.untilMs)) report('two-owners', both)
    }
  }
}

const isSameMember = (a: Tenure, b: Tenure): boolean => a.client === b.client && a.memberId === b.memberId

/** What the next owner has fetched is not changed by whoever came before it, nor by somebody who is no member. */
const checkFences = (
  tenures: readonly Tenure[],
  stored: readonly StoredOffset[],
  commits: ReadonlyMap<string, CommitTry>,
  report: Report,
): void => {
  for (const { at, atMs, commit, isCurrent } of stored) {
    const one = commits.get(commit ?? '')
    if (one === undefined || !isCurrent) continue
    const { tenure } = one
    const knowing = tenures.filter(({ fetchedAt }) => fetchedAt !== undefined && fetchedAt < at)
    if (tenure === undefined) {
      const owner = knowing.find(({ untilMs, leaseMs }) => atMs < Math.min(untilMs, leaseMs))
      if (owner !== undefined) report('commit-under-an-owner', `${one.id} is stored while ${told(owner)}`)
    } else {
      const next = knowing.find((other) => other.grantedAt > tenure.grantedAt && !isSameMember(other, tenure))
      if (next !== undefined) report('fenced-commit-stored', `${one.id} of ${told(tenure)} although ${told(next)}`)
    }
  }
}

/**
 * Committed offsets go back only for an administrator, or where a member meets a request of its own that it had given up
 * long ago: that carries no number, so nobody can know that it is old. Either it comes last, from a coordinator that has
 * looked only when the later one was stored; or it came when the member had begun again, from what was committed before,
 * which it may do without a new generation.
 */
const checkOrder = (stored: readonly StoredOffset[], commits: ReadonlyMap<string, CommitTry>, report: Report): void => {
  let before: StoredOffset | undefined
  for (const event of stored) {
    if (!event.isCurrent) continue
    const former = before
    before = event
    if (event.offset === undefined || former?.offset === undefined || event.offset >= former.offset) continue
    const [one, undone] = [commits.get(event.commit ?? ''), commits.get(former.commit ?? '')]
    if (one !== undefined && one.tenure === undefined) continue
    if (one === undefined || undone === undefined || one.client !== undone.client) {
      report('backwards', wayBack(former, event))
      continue
    }
    const isLate = isGivenUpBefore(one, undone.sentAt) && (one.lookedAt ?? 0) > former.at
    const beganAt = one.tenure === undone.tenure ? undefined : one.tenure?.fetchedAt
    const undoesLate = beganAt !== undefined && isGivenUpBefore(undone, beganAt) && beganAt < former.at
    if (!isLate && !undoesLate) report('backwards', wayBack(former, event))
  }
}

const isGivenUpBefore = ({ answer, endedAt }: CommitTry, at: number): boolean => answer === 'silence' && endedAt < at

const wayBack = (former: StoredOffset, event: StoredOffset): string =>
  `${event.partition}: ${former.offset} by ${former.commit}, ${event.offset} by ${event.commit}`

type ByPartition = ReadonlyMap<string, readonly StoredOffset[]>

/** What was acknowledged is stored, or something higher; and whoever was acknowledged was a member. */
const checkAccepted = ({ commits, groups }: GroupHistory, byPartition: ByPartition, report: Report): void => {
  for (const one of commits) {
    const { id, partition, sentAt, endedAt, offset, answer } = one
    const stored = byPartition.get(partition) ?? []
    const own = stored.find(({ commit }) => commit === id)
    if (answer === 'NONE') {
      const isKept = own !== undefined || valuesIn(stored, sentAt, endedAt).some((value) => (value ?? -1) >= offset)
      if (!isKept) report('lost-commit', `${id}: ${partition} at ${offset}`)
    }
    const decidedAt = own?.at ?? (answer === 'NONE' ? endedAt : undefined)
    if (decidedAt === undefined || one.tenure === undefined) continue
    const during = groupsIn(groups, sentAt, decidedAt)
    if (!during.some(({ group }) => group !== undefined && isMember(group, one))) {
      report('fenced-commit-accepted', `${id} of ${told(one.tenure)} under ${one.number}`)
    }
  }
}

const isMember = (group: Group, { tenure, number }: CommitTry): boolean => {
  if (tenure === undefined) return false
  if (group.type === 'classic') {
    return group.generation === number && group.members.some(({ memberId }) => memberId === tenure.memberId)
  }
  if (group.type === 'lease') return false
  return group.members.some(
    ({ memberId, epoch, previousEpoch }) =>
      memberId === tenure.memberId && (epoch === number || previousEpoch === number),
  )
}

/** The group as it was at any time between two moments. */
const groupsIn = (groups: readonly StoredGroup[], from: number, to: number): readonly StoredGroup[] => {
  const first = groups.findLastIndex(({ at }) => at < from)
  return groups.slice(Math.max(0, first)).filter(({ at }) => at < to)
}

/** What was committed at any time between two moments. */
const valuesIn = (stored: readonly StoredOffset[], from: number, to: number): readonly (number | undefined)[] => {
  const current = stored.filter(({ isCurrent }) => isCurrent)
  const before = current.findLast(({ at }) => at < from)
  return [before?.offset, ...current.filter(({ at }) => at > from && at < to).map(({ offset }) => offset)]
}

const checkFetches = ({ fetches }: GroupHistory, byPartition: ByPartition, report: Report): void => {
  for (const { client, partition, sentAt, answeredAt, offset } of fetches) {
    const values = valuesIn(byPartition.get(partition) ?? [], sentAt, answeredAt)
    if (!values.includes(offset)) {
      report('wrong-fetch', `${client} has fetched ${offset} of ${partition}, but committed was ${values}`)
    }
  }
}

const told = ({ client, memberId, partition, generation }: Tenure): string =>
  `${client} (${memberId}) has ${partition}${generation === undefined ? '' : ` in ${generation}`}`
