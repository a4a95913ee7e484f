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
import { HttpProblem } from './http-problem.ts'
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
  const topic = await letterTopic(api, source, groupId)
  const letter = await letterOf(api, source, groupId, dead)
  const key = `${groupId}\0${dead.topicId}\0${dead.index}\0${dead.offset}\0${dead.dueMs}`
  const hash = createHash('sha256').update('dead letter\0').update(key).digest()
  const identity = { kind: 'key', key, producerId: singleWriteOf(hash) } as const
  const send = (record: Incoming) =>
    appendRecords(api, [{ topic, records: [{ record, place: 0 }] }], identity, new Map())
  try {
    await send(letter)
  } catch (error) {
    if (!(error instanceof HttpProblem) || error.code !== 'TOO_LARGE') throw error
    const told = [...letter.headers.filter((header) => header.key.startsWith(prefix)), without('too large')]
    await send({ ...letter, value: null, headers: told })
  }
}

const prefix = 'wadi.dlq.'

const without = (why: string) => ({ key: `${prefix}value`, value: Buffer.from(why) })

const letterOf = async (api: HttpApi, source: Topic, groupId: string, dead: FailedRecord): Promise<Incoming> => {
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
  const headers = Object.entries(told).flatMap(([name, value]) =>
    value === undefined ? [] : [{ key: `${prefix}${name}`, value: Buffer.from(String(value)) }],
  )
  return {
    key: record?.key ?? null,
    value: record?.value ?? null,
    headers: [...(record?.headers ?? []), ...headers, ...(record === undefined ? [without('gone')] : [])],
    partition: undefined,
    timestamp: record === undefined || record.timestamp < 0n ? undefined : record.timestamp,
    path: '',
  }
}

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
