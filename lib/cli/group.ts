import { realClock } from '../clock.ts'
import { clientFor, inPath } from './client.ts'
import { command } from './command.ts'
import { exits, UsageError } from './failures.ts'
import { type Column, formatFrom, formats, outputFlags, printRows, shown } from './output.ts'
import { clientFlags } from './server-address.ts'
import { stopSignal } from './stop-signal.ts'

type ListedGroup = { readonly group: string; readonly kind: string; readonly state: string }

type Place = { readonly topic: string; readonly partition: number }

type DescribedGroup = ListedGroup & {
  readonly members: readonly {
    readonly id: string
    readonly client: string
    readonly host: string
    readonly partitions: readonly Place[]
  }[]
  readonly offsets: readonly (Place & { readonly committed: number; readonly committedAt: number })[]
  readonly failed?: readonly unknown[]
  readonly snapshots: readonly { readonly snapshot: string; readonly takenAt: number }[]
}

/** Where nothing is committed, how much lies before a member may be known to it alone. */
type Lag = Place & { readonly committed: number | null; readonly latest: number; readonly lag: number | null }

const pageSize = 1000

export const groupLs = command({
  name: 'group ls',
  summary: 'Lists groups',
  arguments: [{ name: 'prefix', says: 'only groups whose names begin with it', isOptional: true }],
  flags: { ...outputFlags, ...clientFlags },
  examples: [{ line: 'wadi group ls', says: 'all of them' }],
  run: async ({ flags, arguments: [prefix] }, around) => {
    const format = formatFrom(flags.output, around.out, formats)
    const client = clientFor(flags, around)
    const rows: ListedGroup[] = []
    for (let cursor: string | null | undefined; cursor !== null; ) {
      type Page = { readonly groups: readonly ListedGroup[]; readonly next: string | null }
      const page: Page = await client.ask({ path: '/v1/groups', query: { prefix, limit: pageSize, cursor } })
      rows.push(...page.groups)
      cursor = page.next
    }
    printRows({ command: 'group ls', rows, columns: listColumns }, format, around)
    return exits.ok
  },
})

const listColumns: readonly Column<ListedGroup>[] = [
  { name: 'group', of: ({ group }) => group },
  { name: 'kind', of: ({ kind }) => kind },
  { name: 'state', of: ({ state }) => state },
]

export const groupDescribe = command({
  name: 'group describe',
  summary: 'Tells who is in a group, what it has committed and what has failed',
  arguments: [{ name: 'group', says: 'its name' }],
  flags: { ...outputFlags, ...clientFlags },
  examples: [{ line: 'wadi group describe billing', says: 'for people' }],
  run: async ({ flags, arguments: [group = ''] }, around) => {
    const format = formatFrom(flags.output, around.out, formats)
    const whole: DescribedGroup = await clientFor(flags, around).ask({ path: `/v1/groups/${inPath(group)}` })
    if (format === 'table') around.out.write(`${aboutText(whole)}\n`)
    printRows({ command: 'group describe', rows: rowsOf(whole), columns: describedColumns, whole }, format, around)
    return exits.ok
  },
})

const aboutText = ({ group, kind, state, members, failed, snapshots }: DescribedGroup): string =>
  [
    `group      ${shown(group)}`,
    `kind       ${kind}`,
    `state      ${state}`,
    `members    ${members.length}`,
    ...(failed === undefined ? [] : [`failed     ${failed.length}`]),
    ...snapshots.map(({ snapshot }) => `snapshot   ${snapshot}`),
    '',
  ].join('\n')

type DescribedRow = Place & { readonly committed: number | null; readonly member: string | null }

/** Every partition of which something is committed, or that somebody has. */
const rowsOf = ({ members, offsets }: DescribedGroup): readonly DescribedRow[] => {
  const holders = new Map(
    members.flatMap(({ id, client, partitions }) =>
      partitions.map(({ topic, partition }) => [`${topic}/${partition}`, `${client} ${id}`] as const),
    ),
  )
  const known = new Set(offsets.map(({ topic, partition }) => `${topic}/${partition}`))
  const others = members.flatMap(({ partitions }) => partitions).filter((one) => !known.has(keyOf(one)))
  return [...offsets, ...others.map((one) => ({ ...one, committed: null }))].map(({ topic, partition, committed }) => ({
    topic,
    partition,
    committed,
    member: holders.get(`${topic}/${partition}`) ?? null,
  }))
}

const keyOf = ({ topic, partition }: Place): string => `${topic}/${partition}`

const placeColumns: readonly Column<Place>[] = [
  { name: 'topic', of: ({ topic }) => topic },
  { name: 'partition', of: ({ partition }) => partition, isNumber: true },
]

const describedColumns: readonly Column<DescribedRow>[] = [
  ...placeColumns,
  { name: 'committed', of: ({ committed }) => committed, isNumber: true },
  { name: 'member', of: ({ member }) => member },
]

export const groupLag = command({
  name: 'group lag',
  summary: 'Tells how many records are behind what a group has committed',
  arguments: [{ name: 'group', says: 'its name' }],
  flags: {
    watch: { kind: 'yes', short: 'w', says: 'again and again, until Ctrl-C' },
    every: { kind: 'text', value: 'seconds', otherwise: '2', says: 'with --watch: how often' },
    ...outputFlags,
    ...clientFlags,
  },
  examples: [{ line: 'wadi group lag billing --watch', says: 'how it goes down' }],
  run: async ({ flags, arguments: [group = ''] }, around) => {
    const format = formatFrom(flags.output, around.out, formats)
    const everyMs = 1000 * Number(flags.every ?? 2)
    if (!(everyMs > 0)) throw new UsageError(`--every is "${flags.every}": it must be seconds`)
    const client = clientFor(flags, around)
    const stopping = flags.watch ? stopSignal() : undefined
    for (;;) {
      const told: { readonly partitions: readonly Lag[] } = await client.ask({
        path: `/v1/groups/${inPath(group)}/lag`,
      })
      if (flags.watch && around.out.isTTY) around.out.write(homeAndClear)
      printRows({ command: 'group lag', rows: told.partitions, columns: lagColumns }, format, around)
      if (stopping === undefined) return exits.ok
      await realClock.sleep(everyMs, stopping)
      if (stopping.aborted) return exits.ok
    }
  },
})

/** A terminal begins again at its top (ECMA-48: CUP, ED). */
const homeAndClear = '\x1b[H\x1b[J'

const lagColumns: readonly Column<Lag>[] = [
  ...placeColumns,
  { name: 'committed', of: ({ committed }) => committed, isNumber: true },
  { name: 'latest', of: ({ latest }) => latest, isNumber: true },
  { name: 'lag', of: ({ lag }) => lag, isNumber: true },
]
