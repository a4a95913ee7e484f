import { clientFor, inPath } from './client.ts'
import { command } from './command.ts'
import { exits, UsageError } from './failures.ts'
import { type Column, executeFlags, formatFrom, formats, outputFlags, printRows, tellIfDry } from './output.ts'
import { clientFlags } from './server-address.ts'
import type { MeasuredTopic } from './topic.ts'

type Removed = Pick<MeasuredTopic, 'name' | 'id' | 'records' | 'bytes'>

export const topicDelete = command({
  name: 'topic delete',
  summary: 'Deletes a topic with all its records; without --execute it tells what would go',
  arguments: [{ name: 'topic', says: 'its name' }],
  flags: { ...executeFlags, ...outputFlags, ...clientFlags },
  examples: [
    { line: 'wadi topic delete orders', says: 'what would go' },
    { line: 'wadi topic delete orders --execute', says: 'delete it' },
  ],
  run: async ({ flags, arguments: [topic = ''] }, around) => {
    const format = formatFrom(flags.output, around.out, formats)
    const client = clientFor(flags, around)
    const path = `/v1/topics/${inPath(topic)}`
    const removed: Removed = await client.ask({ method: 'DELETE', path, query: { dryRun: true }, isRepeatable: true })
    const isDone = flags.execute || flags.yes
    if (isDone) await client.answer({ method: 'DELETE', path, query: { confirm: topic } })
    const { name, id, records, bytes } = removed
    const row = { topic: name, id, records, bytes, deleted: isDone }
    tellIfDry(isDone, flags.quiet, around)
    printRows({ command: 'topic delete', rows: [row], columns: removedColumns }, format, around)
    return exits.ok
  },
})

const removedColumns: readonly Column<{
  readonly topic: string
  readonly records: number
  readonly bytes: number
  readonly deleted: boolean
}>[] = [
  { name: 'topic', of: ({ topic }) => topic },
  { name: 'records', of: ({ records }) => records, isNumber: true },
  { name: 'bytes', of: ({ bytes }) => bytes, isNumber: true },
  { name: 'deleted', of: ({ deleted }) => deleted },
]

type Cut = { readonly partition: number; readonly earliest: number; readonly deleted: number }

export const topicTrim = command({
  name: 'topic trim',
  summary: 'Deletes the oldest records of a topic; without --execute it tells which',
  arguments: [{ name: 'topic', says: 'its name' }],
  flags: {
    before: {
      kind: 'texts',
      value: 'partition:offset',
      says: 'the first offset to keep, for each partition; or end, all of it',
    },
    'before-time': { kind: 'text', value: 'time', says: 'keep what came since: -7d, or a date and time' },
    ...executeFlags,
    ...outputFlags,
    ...clientFlags,
  },
  examples: [
    { line: 'wadi topic trim orders --before-time -7d', says: 'what is older than a week' },
    { line: 'wadi topic trim orders --before 0:1200 --before 1:end --execute', says: 'by partition' },
  ],
  run: async ({ flags, arguments: [topic = ''] }, around) => {
    const format = formatFrom(flags.output, around.out, formats)
    const time = flags['before-time']
    if ((time === undefined) === (flags.before.length === 0)) {
      throw new UsageError('one of --before and --before-time says what goes')
    }
    const starts = startsIn(flags.before)
    const client = clientFor(flags, around)
    const path = `/v1/topics/${inPath(topic)}`
    const measured: MeasuredTopic = await client.ask({ path })
    const body = time === undefined ? { before: offsetsOf(starts, measured) } : { beforeTime: time }
    const isDone = flags.execute || flags.yes
    const { partitions }: { readonly partitions: readonly Cut[] } = await client.ask({
      method: 'POST',
      path: `${path}:trim`,
      query: { dryRun: !isDone || undefined },
      body,
      isRepeatable: true,
    })
    const rows = partitions.map((cut) => ({ ...cut, before: measured.offsets[cut.partition]?.earliest ?? 0 }))
    tellIfDry(isDone, flags.quiet, around)
    printRows({ command: 'topic trim', rows, columns: cutColumns }, format, around)
    return exits.ok
  },
})

const cutColumns: readonly Column<Cut & { readonly before: number }>[] = [
  { name: 'partition', of: ({ partition }) => partition, isNumber: true },
  { name: 'before', of: ({ before }) => before, isNumber: true },
  { name: 'after', of: ({ earliest }) => earliest, isNumber: true },
  { name: 'deleted', of: ({ deleted }) => deleted, isNumber: true },
]

type Start = { readonly partition: number; readonly offset: number | 'end' }

const startsIn = (given: readonly string[]): readonly Start[] =>
  given.map((text) => {
    const [, partition, offset = ''] = /^(\d{1,9}):(\d{1,15}|end)$/.exec(text) ?? []
    if (partition === undefined) throw new UsageError(`--before is "${text}": it must be partition:offset, or 0:end`)
    return { partition: Number(partition), offset: offset === 'end' ? offset : Number(offset) }
  })

const offsetsOf = (starts: readonly Start[], { offsets }: MeasuredTopic): Readonly<Record<string, number>> =>
  Object.fromEntries(
    starts.map(({ partition, offset }) => [partition, offset === 'end' ? (offsets[partition]?.latest ?? 0) : offset]),
  )
