import * as z from 'zod/mini'
import { configOf, valueFormats } from '../log/config.ts'
import type { Topic } from '../log/topic.ts'
import { HttpProblem } from './http-problem.ts'
import type { Outgoing } from './outgoing.ts'
import { described, integerIn, maxPartitionIndex, textUpTo } from './parameters.ts'
import { fromDescription } from './read-from.ts'
import type { PageOptions } from './read-page.ts'
import { BadWhere, maxWhereCharacters, parseWhere } from './where.ts'

const defaultLimit = 100
const maxLimit = 10_000
const defaultPageBytes = 1_000_000
/** What Lambda takes as an answer, less what its envelope costs. */
const maxPageBytes = 4_000_000
/** http doors and proxies end what takes longer. */
const maxWaitMs = 20_000
/** A cursor of a topic with very many partitions. */
const maxFromCharacters = 100_000

export const readQuery = z.strictObject({
  from: textUpTo(maxFromCharacters, `Where to begin, earliest by default: ${fromDescription}`, 'earliest'),
  limit: integerIn(1, maxLimit, `Records at most, ${defaultLimit} by default.`, 10),
  maxBytes: integerIn(1, maxPageBytes, `Bytes of their JSON at most, ${defaultPageBytes} by default.`, 100_000),
  wait: integerIn(0, maxWaitMs, 'How many ms to wait when there is nothing yet, on a server of one’s own.', 1000),
  partition: integerIn(0, maxPartitionIndex, 'Only this partition.', 0),
  key: textUpTo(10_000, 'Only records with this key.', 'c9'),
  where: textUpTo(maxWhereCharacters, 'Only records for which this holds.', 'value.total > 10'),
  format: described(
    z.optional(z.enum(valueFormats)),
    'How values are read; auto, the default, is what the topic says.',
    'auto',
  ),
})

export type ReadQuery = z.infer<typeof readQuery>

export const pageOptions = (topic: Topic, query: ReadQuery): PageOptions => {
  const own = configOf(topic).valueFormat
  const format = query.format === undefined || query.format === 'auto' ? own : query.format
  return {
    limit: query.limit ?? defaultLimit,
    maxBytes: query.maxBytes ?? defaultPageBytes,
    format,
    isWanted: filterOf(query),
  }
}

const filterOf = ({ key, where }: ReadQuery): PageOptions['isWanted'] => {
  if (key === undefined && where === undefined) return undefined
  const holds = where === undefined ? () => true : conditionOf(where)
  return (record: Outgoing) => (key === undefined || textOfKey(record.key) === key) && holds(record)
}

/** A key that is JSON is compared as its text. */
const textOfKey = (key: unknown): string | undefined => {
  if (key === null) return undefined
  return typeof key === 'string' ? key : JSON.stringify(key)
}

const conditionOf = (text: string): ReturnType<typeof parseWhere> => {
  try {
    return parseWhere(text)
  } catch (error) {
    if (!(error instanceof BadWhere)) throw error
    const { message, position } = error
    throw new HttpProblem('INVALID_REQUEST', `In "where" at position ${position}: ${message}.`, {
      hint: 'For example: value.total > 10 && headers.source == "web"',
      members: { position },
    })
  }
}
