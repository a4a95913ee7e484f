import { type Admin, Kafka, logLevel } from 'kafkajs'

export type NewTopic = {
  readonly topic: string
  readonly partitions?: number
  readonly configs?: Readonly<Record<string, string>>
}

/** kafkajs against a server, quiet: suites assert what clients are told, not what they log. */
export const kafkaJs = (bootstrap: string): Kafka =>
  new Kafka({ clientId: 'suite', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })

/** Runs `use` with a connected administrator. */
export const withAdmin = async <Result>(bootstrap: string, use: (admin: Admin) => Promise<Result>): Promise<Result> => {
  const admin = kafkaJs(bootstrap).admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Creates a topic and waits until its partitions can be written. */
export const createTopic = (bootstrap: string, { topic, partitions = 1, configs = {} }: NewTopic): Promise<boolean> =>
  withAdmin(bootstrap, (admin) => {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    return admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }], waitForLeaders: true })
  })

/** The offsets after the last record, summed over the partitions. */
export const endOffsetsOf = (bootstrap: string, topic: string): Promise<number> =>
  withAdmin(bootstrap, async (admin) => {
    const offsets = await admin.fetchTopicOffsets(topic)
    return offsets.reduce((sum, partition) => sum + Number(partition.high), 0)
  })
