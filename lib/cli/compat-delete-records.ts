import { type KafkaCluster, requireSettled } from '../client/cluster.ts'
import { errors } from '../protocol/errors.ts'
import { DeleteRecords } from '../protocol/messages/delete-records.ts'
import { exceptionFrom, exceptionOf, shownException, ToolFailure } from './compat-errors.ts'
import { connectionFlags, failed, textOf, tool, withCluster } from './compat-tool.ts'

type Cut = { readonly topic: string; readonly partition: number; readonly offset: number }
type Deleted = Cut & { readonly errorCode: number; readonly lowWatermark: bigint }

const timeoutMs = 30_000

/** `kafka-delete-records` (Kafka source: `DeleteRecordsCommand`). */
export const kafkaDeleteRecords = tool({
  name: 'kafka-delete-records',
  flags: { ...connectionFlags, 'offset-json-file': 'value' },
  run: async (given, { out, err }) => {
    const file = given.required('offset-json-file')
    const at = { servers: given.text('bootstrap-server'), configFile: given.text('command-config') }
    return withCluster(at, new Map(), async (cluster) => {
      try {
        const cuts = cutsIn(textOf(file))
        out.write('Executing records delete operation\n')
        const deleted = await deleteRecords(cluster, cuts)
        out.write('Records delete operation completed:\n')
        for (const { topic, partition, errorCode, lowWatermark } of deleted) {
          const result =
            errorCode === errors.NONE
              ? `low_watermark: ${lowWatermark}`
              : `error: ${shownException(exceptionOf(errorCode, null))}`
          out.write(`partition: ${topic}-${partition}\t${result}\n`)
        }
        return 0
      } catch (error) {
        const exception = exceptionFrom(error)
        if (exception === undefined) throw error
        err.write(`${shownException(exception)}\n`)
        return failed
      }
    })
  },
})

/** `{ partitions: [{ topic, partition, offset }], version: 1 }`. Throws `ToolFailure`. */
const cutsIn = (text: string): readonly Cut[] => {
  const json = parsed(text)
  const { version = 1, partitions } = typeof json === 'object' && json !== null ? fieldsOf(json) : {}
  if (version !== 1) throw new ToolFailure(`Not supported version field value ${version}`)
  if (!Array.isArray(partitions)) throw new ToolFailure('Missing partitions field')
  const cuts = partitions.map((one: unknown): Cut => {
    const { topic, partition, offset } = fieldsOf(one)
    if (typeof topic !== 'string' || !Number.isInteger(partition) || !Number.isInteger(offset)) {
      throw new ToolFailure('The input string is not a valid JSON')
    }
    return { topic, partition: Number(partition), offset: Number(offset) }
  })
  const names = cuts.map(({ topic, partition }) => `${topic}-${partition}`)
  const repeated = new Set(names.filter((name, i) => names.indexOf(name) !== i))
  if (repeated.size > 0) {
    throw new ToolFailure(`Offset json file contains duplicate topic partitions: ${[...repeated].join(',')}`)
  }
  return cuts
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ToolFailure('The input string is not a valid JSON', { cause: error })
  }
}

const fieldsOf = (value: unknown): { readonly [name: string]: unknown } & Partial<Record<FieldName, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {}

type FieldName = 'version' | 'partitions' | 'topic' | 'partition' | 'offset'

/** Each partition is asked of its leader. */
const deleteRecords = async (cluster: KafkaCluster, cuts: readonly Cut[]): Promise<readonly Deleted[]> =>
  cluster.patiently(async () => {
    const { topics } = await cluster.metadata([...new Set(cuts.map(({ topic }) => topic))])
    const leaders = new Map(
      topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, leaderId }) => [`${name}-${partitionIndex}`, leaderId] as const),
      ),
    )
    const deleted: Deleted[] = []
    for (const cut of cuts) {
      const leaderId = leaders.get(`${cut.topic}-${cut.partition}`)
      if (leaderId === undefined) {
        deleted.push({ ...cut, errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION, lowWatermark: -1n })
        continue
      }
      const asked = { name: cut.topic, partitions: [{ partitionIndex: cut.partition, offset: BigInt(cut.offset) }] }
      const answer = await (await cluster.node(leaderId)).ask(DeleteRecords, { topics: [asked], timeoutMs })
      const result = answer.topics[0]?.partitions[0]
      requireSettled(result?.errorCode ?? errors.NONE)
      if (result !== undefined) deleted.push({ ...cut, ...result })
    }
    return deleted
  })
