import type { KafkaCluster } from '../client/cluster.ts'
import { type DescribedGroup, type DescribedMember, describeGroup } from '../client/groups.ts'
import { byTopic, committedBy, inOrder, latest, nameOf, offsetsAt, type TopicPartition } from '../client/offsets.ts'
import type { Surroundings } from './command.ts'

export type Shown = { readonly what: 'offsets' | 'members' | 'state'; readonly isVerbose: boolean }

const none = '-'

/** What `--describe` shows of a group. Throws `Refused` where there is none. */
export const showGroup = async (
  cluster: KafkaCluster,
  groupId: string,
  { what, isVerbose }: Shown,
  { out, err }: Surroundings,
): Promise<void> => {
  const group = await describeGroup(cluster, groupId)
  const rows = await rowsOf[what](cluster, group, isVerbose)
  if (group.state === 'Empty') err.write(`\nConsumer group '${groupId}' has no active members.\n`)
  else if (/Rebalanc|Assigning|Reconciling/.test(group.state)) {
    err.write(`\nWarning: Consumer group '${groupId}' is rebalancing.\n`)
  }
  // An empty group's offsets and state are told, its members are not there to be told of.
  if (rows.length > 1 || what === 'members') out.write(`\n${table(rows)}`)
}

/** Columns as wide as they must be, and no narrower than Kafka has them; a space between. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const widths = rows[0]?.map((_, i) => Math.max(leastWidth, ...rows.map((row) => row[i]?.length ?? 0))) ?? []
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join(' ')
  return rows.map((row) => `${line(row)}\n`).join('')
}

const leastWidth = 15

type Rows = (
  cluster: KafkaCluster,
  group: DescribedGroup,
  isVerbose: boolean,
) => Promise<readonly (readonly string[])[]>

const offsetRows: Rows = async (cluster, { groupId, members }, isVerbose) => {
  const committed = await committedBy(cluster, groupId)
  const offsets = new Map(committed.map((one) => [nameOf(one), one]))
  const owned = members
    .filter(({ assigned }) => assigned.length > 0)
    .toSorted((a, b) => b.assigned.length - a.assigned.length)
    .flatMap((member) => inOrder(member.assigned).map((one) => ({ ...one, member })))
  const names = new Set(owned.map(nameOf))
  type Row = TopicPartition & { readonly member: DescribedMember | undefined }
  const others = committed.filter((one) => !names.has(nameOf(one))).map((one): Row => ({ ...one, member: undefined }))
  const all: readonly Row[] = [...owned, ...others]
  const ends = await offsetsAt(cluster, all, latest)
  const header = [
    ...['GROUP', 'TOPIC', 'PARTITION', ...(isVerbose ? ['LEADER-EPOCH'] : [])],
    ...['CURRENT-OFFSET', 'LOG-END-OFFSET', 'LAG', 'CONSUMER-ID', 'HOST', 'CLIENT-ID'],
  ]
  const rows = all.map(({ topic, partition, member }) => {
    const known = offsets.get(nameOf({ topic, partition }))
    const end = ends.get(nameOf({ topic, partition }))
    const lag = known === undefined || end === undefined ? none : String(end - known.offset)
    const epoch = known === undefined || known.leaderEpoch < 0 ? none : String(known.leaderEpoch)
    return [
      ...[groupId, topic, String(partition), ...(isVerbose ? [epoch] : [])],
      ...[known === undefined ? none : String(known.offset), end === undefined ? none : String(end), lag],
      ...[member?.memberId ?? none, member?.host ?? none, member?.clientId ?? none],
    ]
  })
  return [header, ...rows]
}

const memberRows: Rows = async (_, { groupId, members }, isVerbose) => {
  const hasInstances = members.some(({ instanceId }) => instanceId !== null)
  const header = [
    ...['GROUP', 'CONSUMER-ID', ...(hasInstances ? ['GROUP-INSTANCE-ID'] : []), 'HOST', 'CLIENT-ID', '#PARTITIONS'],
    ...(isVerbose ? ['CURRENT-EPOCH', 'CURRENT-ASSIGNMENT', 'TARGET-EPOCH', 'TARGET-ASSIGNMENT'] : []),
  ]
  const rows = members.map(({ memberId, instanceId, host, clientId, assigned, epoch, target }) => [
    ...[groupId, memberId, ...(hasInstances ? [instanceId ?? ''] : []), host, clientId, String(assigned.length)],
    ...(isVerbose ? [told(epoch), assignmentText(assigned), told(target && epoch), assignmentText(target)] : []),
  ])
  return [header, ...rows]
}

const told = (epoch: number | undefined): string => (epoch === undefined ? none : String(epoch))

/** `orders:0,1;payments:2`. */
const assignmentText = (partitions: readonly TopicPartition[] | undefined): string => {
  if (partitions === undefined || partitions.length === 0) return none
  return [...byTopic(inOrder(partitions))]
    .map(([topic, own]) => `${topic}:${own.map(({ partition }) => partition).join(',')}`)
    .join(';')
}

const stateRows: Rows = async (cluster, { groupId, state, assignor, epoch, targetEpoch, members }, isVerbose) => {
  const id = await cluster.coordinatorIdOf(groupId)
  const { host, port } = cluster.addressOf(id) ?? { host: '', port: 0 }
  const epochs = isVerbose ? [told(epoch), told(targetEpoch)] : []
  return [
    [
      ...['GROUP', 'COORDINATOR (ID)', 'ASSIGNMENT-STRATEGY', 'STATE'],
      ...(isVerbose ? ['GROUP-EPOCH', 'TARGET-ASSIGNMENT-EPOCH'] : []),
      '#MEMBERS',
    ],
    [groupId, `${host}:${port} (${id})`, assignor || none, state, ...epochs, String(members.length)],
  ]
}

const rowsOf = { offsets: offsetRows, members: memberRows, state: stateRows } as const
