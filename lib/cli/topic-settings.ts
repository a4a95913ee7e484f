import type { output } from 'zod/mini'
import type { topicSchema } from '../http/topic-answers.ts'
import { type Client, clientFor, inPath } from './client.ts'
import { command, type Flags } from './command.ts'
import { exits, UsageError } from './failures.ts'
import { type Column, formatFrom, formats, outputFlags, printRows } from './output.ts'
import { clientFlags } from './server-address.ts'
import type { MeasuredTopic } from './topic.ts'

type Described = output<typeof topicSchema>

const settingFlags = {
  partitions: { kind: 'text', short: 'p', value: 'number', says: 'how many; they only ever become more' },
  config: { kind: 'texts', short: 'c', value: 'name=value', says: 'a topic config by its Kafka name' },
  'dry-run': { kind: 'yes', says: 'tell what would happen, and change nothing' },
} as const satisfies Flags

export const topicCreate = command({
  name: 'topic create',
  summary: 'Creates a topic, or confirms that there is one like this',
  about: 'Where there is a topic of this name that differs, what differs is told and the status is 5.',
  arguments: [{ name: 'topic', says: 'its name' }],
  flags: { ...settingFlags, ...outputFlags, ...clientFlags },
  examples: [
    { line: 'wadi topic create orders -p 3', says: 'with three partitions' },
    { line: 'wadi topic create orders -c retention.ms=3600000', says: 'records go after an hour' },
  ],
  run: async ({ flags, arguments: [topic = ''] }, around) => {
    const format = formatFrom(flags.output, around.out, formats)
    const body = { ...partitionsIn(flags.partitions), configs: configsIn(flags.config) }
    const { status, body: created } = await clientFor(flags, around).answer<Described>({
      method: 'PUT',
      path: `/v1/topics/${inPath(topic)}`,
      query: { dryRun: flags['dry-run'] || undefined },
      body,
    })
    const isNew = status === 201
    if (!flags.quiet) around.err.write(`${toldOf(topic, isNew, flags['dry-run'])}\n`)
    const rows = [{ ...created, created: isNew && !flags['dry-run'] }]
    printRows({ command: 'topic create', rows, columns: createdColumns, whole: rows[0] }, format, around)
    return exits.ok
  },
})

const toldOf = (topic: string, isNew: boolean, isDryRun: boolean): string => {
  if (!isNew) return `there is a topic ${topic} like this already`
  return isDryRun ? `dry run: the topic ${topic} would be created` : `the topic ${topic} is created`
}

const createdColumns: readonly Column<Described & { readonly created: boolean }>[] = [
  { name: 'topic', of: ({ name }) => name },
  { name: 'partitions', of: ({ partitions }) => partitions, isNumber: true },
  { name: 'shards', of: ({ shards }) => shards, isNumber: true },
  { name: 'created', of: ({ created }) => created },
  { name: 'configs', of: ({ configs }) => configs },
]

export const topicAlter = command({
  name: 'topic alter',
  summary: 'Changes partitions and configs of a topic, and tells what is different then',
  arguments: [{ name: 'topic', says: 'its name' }],
  flags: {
    ...settingFlags,
    'delete-config': { kind: 'texts', value: 'name', says: 'back to the default' },
    ...outputFlags,
    ...clientFlags,
  },
  examples: [
    { line: 'wadi topic alter orders -p 6 --dry-run', says: 'what would be different' },
    { line: 'wadi topic alter orders -c wadi.value.format=json', says: 'refuse other values from now on' },
  ],
  run: async ({ flags, arguments: [topic = ''] }, around) => {
    const format = formatFrom(flags.output, around.out, formats)
    const removed = Object.fromEntries(flags['delete-config'].map((name) => [name, null]))
    const body = { ...partitionsIn(flags.partitions), configs: { ...configsIn(flags.config), ...removed } }
    if (body.partitions === undefined && Object.keys(body.configs).length === 0) {
      throw new UsageError('nothing to change is given: -p, -c or --delete-config')
    }
    const client = clientFor(flags, around)
    const { before, after } = await alter(client, topic, body, flags['dry-run'])
    const rows = differences(before, after)
    if (!flags.quiet && flags['dry-run']) around.err.write('dry run: nothing is changed\n')
    if (!flags.quiet && rows.length === 0) around.err.write(`the topic ${topic} is like this already\n`)
    printRows({ command: 'topic alter', rows, columns: differenceColumns }, format, around)
    return exits.ok
  },
})

const alter = async (client: Client, topic: string, body: unknown, isDryRun: boolean) => {
  const path = `/v1/topics/${inPath(topic)}`
  const before: MeasuredTopic = await client.ask({ path })
  const query = { dryRun: isDryRun || undefined }
  const after: Described = await client.ask({ method: 'PATCH', path, query, body })
  return { before, after }
}

type Difference = { readonly setting: string; readonly before: unknown; readonly after: unknown }

const differences = (before: Described, after: Described): readonly Difference[] => {
  const names = [...new Set([...Object.keys(before.configs), ...Object.keys(after.configs)])].toSorted()
  const pairs = [
    { setting: 'partitions', before: before.partitions, after: after.partitions },
    ...names.map((name) => ({
      setting: name,
      before: before.configs[name] ?? null,
      after: after.configs[name] ?? null,
    })),
  ]
  return pairs.filter((pair) => pair.before !== pair.after)
}

const differenceColumns: readonly Column<Difference>[] = [
  { name: 'setting', of: ({ setting }) => setting },
  { name: 'before', of: ({ before }) => before ?? 'default' },
  { name: 'after', of: ({ after }) => after ?? 'default' },
]

const partitionsIn = (given: string | undefined): { readonly partitions?: number } => {
  if (given === undefined) return {}
  if (/^[1-9]\d{0,8}$/.test(given)) return { partitions: Number(given) }
  throw new UsageError(`--partitions is "${given}": it must be a whole number from 1`)
}

const configsIn = (given: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    given.map((text) => {
      const equals = text.indexOf('=')
      if (equals < 1) throw new UsageError(`--config is "${text}": it must be name=value`)
      return [text.slice(0, equals), text.slice(equals + 1)]
    }),
  )
