import type { output } from 'zod/mini'
import type { measuredTopicSchema, topicListSchema } from '../http/topic-answers.ts'
import { clientFor, inPath } from './client.ts'
import { command } from './command.ts'
import { exits } from './failures.ts'
import { type Column, formatFrom, formats, outputFlags, printRows, shown } from './output.ts'
import { clientFlags } from './server-address.ts'

/** What the API tells of a topic. */
export type MeasuredTopic = output<typeof measuredTopicSchema>
type TopicPage = output<typeof topicListSchema>
type ListedTopic = TopicPage['topics'][number]

const pageSize = 1000

export const topicLs = command({
  name: 'topic ls',
  summary: 'Lists topics',
  arguments: [{ name: 'prefix', says: 'only topics whose names begin with it', isOptional: true }],
  flags: { ...outputFlags, ...clientFlags },
  examples: [{ line: 'wadi topic ls', says: 'all of them' }],
  run: async ({ flags, arguments: [prefix] }, around) => {
    const format = formatFrom(flags.output, around.out, formats)
    const client = clientFor(flags, around)
    const rows: ListedTopic[] = []
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const query = { prefix, limit: pageSize, cursor }
      const page: TopicPage = await client.ask({ path: '/v1/topics', query })
      rows.push(...page.topics)
      cursor = page.next
    }
    printRows({ command: 'topic ls', rows, columns: listColumns }, format, around)
    return exits.ok
  },
})

const listColumns: readonly Column<ListedTopic>[] = [
  { name: 'topic', of: ({ name }) => name },
  { name: 'partitions', of: ({ partitions }) => partitions, isNumber: true },
  { name: 'format', of: ({ valueFormat }) => valueFormat },
  { name: 'id', of: ({ id }) => id },
]

export const topicDescribe = command({
  name: 'topic describe',
  summary: 'Tells the settings of a topic, and where its partitions begin and end',
  arguments: [{ name: 'topic', says: 'its name' }],
  flags: { ...outputFlags, ...clientFlags },
  examples: [
    { line: 'wadi topic describe orders', says: 'for people' },
    { line: "wadi topic describe orders -o json | jq '.data.records'", says: 'for programs' },
  ],
  run: async ({ flags, arguments: [topic = ''] }, around) => {
    const format = formatFrom(flags.output, around.out, formats)
    const whole: MeasuredTopic = await clientFor(flags, around).ask({ path: `/v1/topics/${inPath(topic)}` })
    const { offsets, configs, ...settings } = whole
    if (format === 'table') around.out.write(`${settingsText({ ...settings, ...configs })}\n`)
    printRows({ command: 'topic describe', rows: offsets, columns: partitionColumns, whole }, format, around)
    return exits.ok
  },
})

const settingsText = (settings: Readonly<Record<string, unknown>>): string => {
  const width = Math.max(...Object.keys(settings).map(({ length }) => length))
  return Object.entries(settings)
    .map(([name, value]) => `${name.padEnd(width)}  ${shown(value)}\n`)
    .join('')
}

const partitionColumns: readonly Column<MeasuredTopic['offsets'][number]>[] = [
  { name: 'partition', of: ({ partition }) => partition, isNumber: true },
  { name: 'earliest', of: ({ earliest }) => earliest, isNumber: true },
  { name: 'latest', of: ({ latest }) => latest, isNumber: true },
  { name: 'records', of: ({ records }) => records, isNumber: true },
  { name: 'bytes', of: ({ bytes }) => bytes, isNumber: true },
]
