import { realClock } from '../clock.ts'
import { timeFrom } from '../http/point-in-time.ts'
import { clientFor, inPath } from './client.ts'
import { command } from './command.ts'
import { exits, UsageError } from './failures.ts'
import { type Column, executeFlags, formatFrom, formats, outputFlags, printRows, tellIfDry } from './output.ts'
import { clientFlags } from './server-address.ts'

type Moved = {
  readonly topic: string
  readonly partition: number
  readonly from: number | null
  readonly to: number | null
  readonly skipped: number
  readonly repeated: number
}

export const groupSeek = command({
  name: 'group seek',
  summary: 'Moves what a group has committed; without --execute it tells where to',
  about: `Nobody may consume for the group meanwhile. What was committed before is kept, and its name is told: move to
snapshot:<name> to undo it.`,
  arguments: [{ name: 'group', says: 'its name' }],
  flags: {
    to: { kind: 'text', value: 'place', says: 'start | end | @time | -1h | p0:1234,p1:7 | snapshot:<name>' },
    topic: {
      kind: 'texts',
      short: 't',
      value: 'name',
      otherwise: 'all of which something is committed',
      says: 'only this one',
    },
    ...executeFlags,
    ...outputFlags,
    ...clientFlags,
  },
  examples: [
    { line: 'wadi group seek billing --to -1h', says: 'what it would read again' },
    { line: 'wadi group seek billing --to start -t orders --execute', says: 'read a topic again' },
  ],
  run: async ({ flags, arguments: [group = ''] }, around) => {
    const format = formatFrom(flags.output, around.out, formats)
    if (flags.to === undefined) throw new UsageError('--to is missing: where to?')
    const to = placeFrom(flags.to)
    const isDone = flags.execute || flags.yes
    const topics = flags.topic.length === 0 ? undefined : flags.topic
    const told: { readonly snapshot: string | null; readonly partitions: readonly Moved[] } = await clientFor(
      flags,
      around,
    ).ask({
      method: 'PUT',
      path: `/v1/groups/${inPath(group)}/offsets`,
      body: { to, topics, dryRun: !isDone || undefined },
      // A repeat would keep what is moved already as what was there before.
      isRepeatable: !isDone,
    })
    tellIfDry(isDone, flags.quiet, around)
    if (told.snapshot !== null && !flags.quiet) {
      around.err.write(`to undo it: wadi group seek ${group} --to snapshot:${told.snapshot} --execute\n`)
    }
    if (told.partitions.length === 0 && !flags.quiet) {
      around.err.write(`the group ${group} has committed nothing: name topics with --topic\n`)
    }
    printRows({ command: 'group seek', rows: told.partitions, columns, whole: told }, format, around)
    return exits.ok
  },
})

const columns: readonly Column<Moved>[] = [
  { name: 'topic', of: ({ topic }) => topic },
  { name: 'partition', of: ({ partition }) => partition, isNumber: true },
  { name: 'before', of: ({ from }) => from, isNumber: true },
  { name: 'after', of: ({ to }) => to, isNumber: true },
  { name: 'skipped', of: ({ skipped }) => skipped, isNumber: true },
  { name: 'repeated', of: ({ repeated }) => repeated, isNumber: true },
]

/** As the API names it. Throws `UsageError`. */
const placeFrom = (text: string): string => {
  if (text === 'start') return 'earliest'
  if (text === 'end' || text === 'now') return 'latest'
  if (!text.startsWith('@')) return text
  const time = timeFrom(text.slice(1), realClock.now())
  if (time === undefined) throw new UsageError(`--to is "${text}": that is no time`)
  return new Date(Number(time)).toISOString()
}

export const groupDelete = command({
  name: 'group delete',
  summary: 'Deletes a group with all it has committed; without --execute it tells what would go',
  arguments: [{ name: 'group', says: 'its name' }],
  flags: { ...executeFlags, ...outputFlags, ...clientFlags },
  examples: [{ line: 'wadi group delete billing --execute', says: 'its consumers have to be stopped before' }],
  run: async ({ flags, arguments: [group = ''] }, around) => {
    const format = formatFrom(flags.output, around.out, formats)
    const client = clientFor(flags, around)
    const path = `/v1/groups/${inPath(group)}`
    type Removed = { readonly offsets: number; readonly failed: number }
    const query = { dryRun: true }
    const { offsets, failed }: Removed = await client.ask({ method: 'DELETE', path, query, isRepeatable: true })
    const isDone = flags.execute || flags.yes
    if (isDone) await client.answer({ method: 'DELETE', path })
    tellIfDry(isDone, flags.quiet, around)
    const row = { group, offsets, failed, deleted: isDone }
    printRows({ command: 'group delete', rows: [row], columns: removedColumns }, format, around)
    return exits.ok
  },
})

const removedColumns: readonly Column<{
  readonly group: string
  readonly offsets: number
  readonly failed: number
  readonly deleted: boolean
}>[] = [
  { name: 'group', of: ({ group }) => group },
  { name: 'offsets', of: ({ offsets }) => offsets, isNumber: true },
  { name: 'failed', of: ({ failed }) => failed, isNumber: true },
  { name: 'deleted', of: ({ deleted }) => deleted },
]
