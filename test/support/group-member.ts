import { parseArgs } from 'node:util'
import { Consumer, type Message, stringDeserializers } from '@platformatic/kafka'
import { Kafka, logLevel } from 'kafkajs'

/** One member of a group in a process of its own, so that it can be killed. It prints each record, and then commits it. */
const { values } = parseArgs({
  options: {
    client: { type: 'string', default: '' },
    bootstrap: { type: 'string', default: '' },
    group: { type: 'string', default: '' },
    topic: { type: 'string', default: '' },
  },
})

/** The least that Apache Kafka allows without a setting of its own. */
const sessionTimeoutMs = 6000
const heartbeatIntervalMs = 1000
/** Longer than a server is away. */
const retries = 1000

/** Written at once: a pipe is written synchronously. */
const handle = (partition: number, offset: bigint | string, value: string): void => {
  process.stdout.write(`${partition} ${offset} ${value}\n`)
}

let isAsked = false
const asked = new Promise<void>((resolve) =>
  process.once('SIGTERM', () => {
    isAsked = true
    resolve()
  }),
)

/** It is started again when it gives up, as whoever runs such a program does. */
const consumeWithKafkaJs = async (): Promise<void> => {
  const { group: groupId, topic } = values
  const brokers = values.bootstrap.split(',')
  const retry = { retries, maxRetryTime: 1000 }
  const kafka = new Kafka({ clientId: 'suite', brokers, logLevel: logLevel.NOTHING, retry })
  while (!isAsked) {
    const consumer = kafka.consumer({
      ...{ groupId, sessionTimeout: sessionTimeoutMs, heartbeatInterval: heartbeatIntervalMs },
      ...{ rebalanceTimeout: sessionTimeoutMs, maxWaitTimeInMs: 500, retry },
    })
    const gaveUp = Promise.withResolvers<void>()
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      process.stderr.write(`crash: ${payload.error}\n`)
      if (!payload.restart) gaveUp.resolve()
    })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset }) => {
        for (const { offset, value } of batch.messages) handle(batch.partition, offset, String(value))
        resolveOffset(batch.lastOffset())
        const offset = String(BigInt(batch.lastOffset()) + 1n)
        await consumer.commitOffsets([{ topic, partition: batch.partition, offset }])
      },
    })
    await Promise.race([asked, gaveUp.promise])
    await consumer.disconnect()
  }
}

const consumeWithPlatformatic = async (isNewProtocol: boolean): Promise<void> => {
  const { group: groupId, topic } = values
  const consumer = new Consumer({
    ...{
      clientId: 'suite',
      bootstrapBrokers: values.bootstrap.split(','),
      groupId,
      deserializers: stringDeserializers,
    },
    ...{ autocommit: false, maxWaitTime: 500, retries: true, retryDelay: 250, timeout: 10_000 },
    ...(isNewProtocol
      ? { groupProtocol: 'consumer' }
      : {
          ...{ sessionTimeout: sessionTimeoutMs, rebalanceTimeout: sessionTimeoutMs },
          heartbeatInterval: heartbeatIntervalMs,
        }),
  })
  consumer.on('consumer:heartbeat:error', ({ error }) => void process.stderr.write(`heartbeat: ${error.message}\n`))
  const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' })
  void asked.then(() => stream.close())
  const processed = new Map<number, Message<string, string, string, string>>()
  const commit = async (): Promise<void> => {
    const mine = new Set(consumer.assignments?.flatMap(({ partitions }) => partitions))
    const offsets = [...processed.values()]
      .filter(({ partition }) => mine.has(partition))
      .map(({ partition, offset }) => ({ topic, partition, offset: offset + 1n, leaderEpoch: -1 }))
    processed.clear()
    // What could not be committed, because the partition has gone to another member, that one reads again.
    if (offsets.length > 0)
      await consumer.commit({ offsets }).catch((error) => process.stderr.write(`commit: ${error}\n`))
  }
  for await (const message of stream) {
    handle(message.partition, message.offset, message.value)
    processed.set(message.partition, message)
    if (stream.readableLength === 0) await commit()
  }
  await commit()
  await consumer.close()
}

if (values.client === 'kafkajs') await consumeWithKafkaJs()
else await consumeWithPlatformatic(values.client === 'platformatic-consumer')
process.exit(0)
