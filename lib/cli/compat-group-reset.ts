import type { KafkaCluster } from '../client/cluster.ts'
import {
  byTopic,
  committedBy,
  earliest,
  inOrder,
  latest,
  type NewOffset,
  nameOf,
  offsetsAt,
  partitionsOf,
  type TopicPartition,
} from '../client/offsets.ts'
import { realClock } from '../clock.ts'
import type { Surroundings } from './command.ts'
import { ToolFailure } from './compat-errors.ts'
import { ToolUsageError } from './compat-flags.ts'
import { textOf } from './compat-tool.ts'

/** Where to: each as the flag of its name has it. */
export type Target =
  | { readonly to: 'earliest' | 'latest' | 'current' }
  | { readonly to: 'offset' | 'shift'; readonly by: bigint }
  | { readonly to: 'time'; readonly timestamp: bigint }
  | { readonly to: 'file'; readonly path: string }

/** The offsets that a group shall have. What is beyond an end is told, and becomes the end. Throws `ToolFailure`. */
export const plannedOffsets = async (
  cluster: KafkaCluster,
  groupId: string,
  wanted: { readonly topics: readonly string[]; readonly areAll: boolean },
  target: Target,
  around: Surroundings,
): Promise<readonly NewOffset[]> => {
  if (target.to === 'file') {
    return bounded(cluster, offsetsIn(textOf(target.path), groupId), around)
  }
  const partitions = wanted.areAll
    ? (await committedBy(cluster, groupId)).map(({ topic, partition }) => ({ topic, partition }))
    : await namedPartitions(cluster, wanted.topics)
  const at = async (timestamp: bigint): Promise<readonly NewOffset[]> => {
    const found = await offsetsAt(cluster, partitions, timestamp)
    return inOrder(partitions).map((one) => ({ ...one, offset: found.get(nameOf(one)) ?? -1n }))
  }
  switch (target.to) {
    case 'earliest':
      return at(earliest)
    case 'latest':
      return at(latest)
    case 'offset':
      return bounded(
        cluster,
        inOrder(partitions).map((one) => ({ ...one, offset: target.by })),
        around,
      )
    case 'shift': {
      const current = await currentOf(cluster, groupId)
      const shifted = inOrder(partitions).map((one): NewOffset => {
        const offset = current.get(nameOf(one))
        if (offset !== undefined) return { ...one, offset: offset + target.by }
        throw new ToolFailure(
          `Cannot shift offset for partition ${nameOf(one)} since there is no current committed offset`,
        )
      })
      return bounded(cluster, shifted, around)
    }
    case 'current': {
      const current = await currentOf(cluster, groupId)
      return (await at(latest)).map((one) => ({ ...one, offset: current.get(nameOf(one)) ?? one.offset }))
    }
    case 'time': {
      const ends = await offsetsAt(cluster, partitions, latest)
      return (await at(target.timestamp)).map((one) => {
        if (one.offset >= 0n) return one
        const told = `\nWarn: Partition ${one.partition} from topic ${one.topic} is empty. Falling back to latest known offset.\n`
        around.out.write(told)
        return { ...one, offset: ends.get(nameOf(one)) ?? 0n }
      })
    }
  }
}

const currentOf = async (cluster: KafkaCluster, groupId: string): Promise<ReadonlyMap<string, bigint>> =>
  new Map((await committedBy(cluster, groupId)).map((one) => [nameOf(one), one.offset]))

/** `topic` or `topic:0,1`, which has to be there. */
export const namedPartitions = async (
  cluster: KafkaCluster,
  texts: readonly string[],
): Promise<readonly TopicPartition[]> => {
  const wanted = texts.map((text) => {
    const found = /^([^:]+):([\d,]+)$/.exec(text)
    return { topic: found?.[1] ?? text, only: found?.[2]?.split(',').map(Number) }
  })
  const there = byTopic(await partitionsOf(cluster, [...new Set(wanted.map(({ topic }) => topic))]))
  return wanted.flatMap(({ topic, only }): readonly TopicPartition[] => {
    if (only !== undefined) return only.map((partition) => ({ topic, partition }))
    return (there.get(topic) ?? []).map(({ partition }) => ({ topic, partition }))
  })
}

const bounded = async (
  cluster: KafkaCluster,
  offsets: readonly NewOffset[],
  { err }: Surroundings,
): Promise<readonly NewOffset[]> => {
  const [starts, ends] = [await offsetsAt(cluster, offsets, earliest), await offsetsAt(cluster, offsets, latest)]
  const told = (one: NewOffset, what: string, bound: bigint): NewOffset => {
    err.write(
      `[main] WARN org.apache.kafka.tools.OffsetsUtils - New offset (${one.offset}) is ${what} offset for topic ` +
        `partition ${nameOf(one)}. Value will be set to ${bound}\n`,
    )
    return { ...one, offset: bound }
  }
  return offsets.map((one) => {
    const [start = 0n, end = 0n] = [starts.get(nameOf(one)), ends.get(nameOf(one))]
    if (one.offset > end) return told(one, 'higher than latest', end)
    return one.offset < start ? told(one, 'lower than earliest', start) : one
  })
}

/** Lines `topic,partition,offset`, or the same with the group before it. */
const offsetsIn = (text: string, groupId: string): readonly NewOffset[] =>
  text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .flatMap((line): readonly NewOffset[] => {
      const fields = line.split(',').map((field) => field.trim().replace(/^"(.*)"$/, '$1'))
      const group = fields.length > 3 ? fields.shift() : groupId
      const [topic = '', partition = '', offset = ''] = fields
      if (!/^\d+$/.test(partition) || !/^\d+$/.test(offset)) throw new ToolFailure(`Invalid line in the file: ${line}`)
      return group === groupId ? [{ topic, partition: Number(partition), offset: BigInt(offset) }] : []
    })

export const csvOf = (groupId: string | undefined, offsets: readonly NewOffset[]): string =>
  offsets
    .map(({ topic, partition, offset }) =>
      [...(groupId === undefined ? [] : [groupId]), topic, partition, offset].join(','),
    )
    .map((line) => `${line}\n`)
    .join('')

/** `2023-11-14T22:13:22.500`, with a zone or in UTC. Throws `ToolUsageError`. */
export const timeIn = (text: string): bigint => {
  const withZone = /(Z|[+-]\d{2}:?\d{2})$/.test(text) ? text : `${text}Z`
  const ms = Date.parse(withZone)
  if (Number.isNaN(ms)) throw new ToolUsageError(`Error parsing date and time: ${text}`)
  return BigInt(ms)
}

/** So long ago: ISO 8601's `PnDTnHnMnS`. Throws `ToolUsageError`. */
export const timeBefore = (text: string): bigint => {
  const found = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i.exec(text)
  if (found === null || found.slice(1).every((part) => part === undefined)) {
    throw new ToolUsageError(`Error parsing duration: ${text}`)
  }
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = found.slice(1).map((part) => Number(part ?? 0))
  return BigInt(Math.round(realClock.now() - 1000 * (((days * 24 + hours) * 60 + minutes) * 60 + seconds)))
}
