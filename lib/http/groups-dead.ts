import { createHash } from 'node:crypto'
import { createTopic } from '../broker/create-topic.ts'
import { describe } from '../broker/failures.ts'
import type { FailedRecord } from '../group/group.ts'
import { configOf } from '../log/config.ts'
import { singleWriteOf } from '../log/producers.ts'
import { nameProblem, type Topic } from '../log/topic.ts'
import type { HttpApi } from './api.ts'
import { appendRecords } from './append-records.ts'
import { readOne } from './groups-read.ts'
import { HttpProblem, type ProblemCode } from './http-problem.ts'
import type { Incoming } from './incoming.ts'

/** Letters that one request takes away; the next one takes the others. */
const maxAtOnce = 100
/** What a letter has beside its record: where it was, and what was said of it. */
const letterRoomBytes = 64 * 1024
const maxNameCharacters = 249

/**
 * Takes records that are dead to the topic for dead letters, then forgets them. May be repeated, by anybody: a letter is
 * written by a producer of its own that writes once. What fails stays for the next time.
 */
export const takeAwayDead = async (api: HttpApi, groupId: string, dead: readonly FailedRecord[]): Promise<number> => {
  if (dead.length === 0) return 0
  const { call } = api
  const sent = await Promise.all(
    dead.slice(0, maxAtOnce).map(async (record) => {
      try {
        await sendLetter(api, groupId, record)
        return [record]
      } catch (error) {
        call.log(`a dead letter of the group ${groupId.slice(0, 200)} is not away yet: ${describe(error)}`)
        return []
      }
    }),
  )
  const away = sent.flat()
  await call.groups.leases.bury(groupId, away).catch((error) => {
    call.log(`dead letters of the group ${groupId.slice(0, 200)} are away and not forgotten: ${describe(error)}`)
  })
  return away.length
}

const sendLetter = async (api: HttpApi, groupId: string, dead: FailedRecord): Promise<void> => {
  const source = await api.call.topics.findById(dead.topicId)
  // With its topic everything about it is gone.
  if (source === undefined) return
  const topic = anyValues(await letterTopic(api, source, groupId))
  const key = `${groupId}\0${dead.topicId}\0${dead.index}\0${dead.offset}\0${dead.dueMs}`
  const hash = createHash('sha256').update('dead letter\0').update(key).digest()
  const identity = { kind: 'key', key, producerId: singleWriteOf(hash) } as const
  let refused: unknown
  for (const record of await lettersOf(api, source, groupId, dead)) {
    try {
      await appendRecords(api, [{ topic, records: [{ record, place: 0 }] }], identity, new Map())
      return
    } catch (error) {
      // It was written, and looked otherwise: its record was still there, or the topic took more.
      if (isProblem(error, 'KEY_REUSED')) return
      if (!isProblem(error, 'TOO_LARGE')) throw error
      refused = error
    }
  }
  throw refused
}

const isProblem = (error: unknown, code: ProblemCode): boolean => error instanceof HttpProblem && error.code === code

/** Letters are as their records were, whatever a topic says of its values. */
const anyValues = (topic: Topic): Topic => ({ ...topic, configs: { ...topic.configs, 'wadi.value.format': 'auto' } })

const prefix = 'wadi.dlq.'

/**
 * A record with where it was, and the same with less and less of the record, for topics that take no more. The time of a
 * letter is when it is written: the topic keeps it from then on, however old its record was.
 */
const lettersOf = async (
  api: HttpApi,
  source: Topic,
  groupId: string,
  dead: FailedRecord,
): Promise<readonly Incoming[]> => {
  const { index, offset, attempts, error } = dead
  const record = await readOne(api, source, index, offset)
  const told = {
    topic: source.name,
    partition: index,
    offset,
    timestamp: record?.timestamp,
    group: groupId,
    attempts,
    error,
  }
  const place = headersOf(told)
  const rest = { partition: undefined, timestamp: undefined, path: '' }
  const without = (why: string): Incoming['headers'] => [...place, ...headersOf({ value: why })]
  if (record === undefined) return [{ key: null, value: null, headers: without('gone'), ...rest }]
  const { key, value } = record
  const headers = without('too large')
  return [
    { key, value, headers: [...record.headers, ...place], ...rest },
    { key, value: null, headers, ...rest },
    { key: null, value: null, headers, ...rest },
  ]
}

const headersOf = (told: Readonly<Record<string, string | number | bigint | undefined>>): Incoming['headers'] =>
  Object.entries(told).flatMap(([name, value]) =>
    value === undefined ? [] : [{ key: `${prefix}${name}`, value: Buffer.from(String(value)) }],
  )

/** `<topic>.<group>.dlq`, made when it is not there. */
const letterTopic = async ({ call }: HttpApi, source: Topic, groupId: string): Promise<Topic> => {
  for (const name of letterTopicNames(source.name, groupId)) {
    const existing = await call.topics.find(name)
    if (existing) return existing
    const maxMessageBytes = configOf(source).maxMessageBytes + letterRoomBytes
    const configs = { 'max.message.bytes': String(maxMessageBytes) }
    const created = await createTopic(call, { name, partitions: 1, configs })
    if (created.outcome !== 'refused') return created.topic
  }
  throw new Error(`no topic for the dead letters of ${source.name} can be made`)
}

/** Group ids are any text. Where the plain name cannot be a topic's, the second has what makes it another's in a hash. */
export const letterTopicNames = (topic: string, groupId: string): readonly string[] => {
  const plain = `${topic}.${groupId}.dlq`
  const hash = createHash('sha256').update(plain).digest('hex').slice(0, 12)
  const shown = `${topic}.${groupId}`.replace(/[^a-zA-Z0-9._-]/g, '_')
  const hashed = `${shown.slice(0, maxNameCharacters - hash.length - 5)}.${hash}.dlq`
  return nameProblem(plain) === undefined ? [plain, hashed] : [hashed]
}
