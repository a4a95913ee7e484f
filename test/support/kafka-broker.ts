import { type RunningServer, startKafka } from '../../lib/bench/server.ts'
import { missingForKafka } from '../../lib/bench/tools.ts'

export type KafkaBrokerOptions = {
  readonly data: string
  readonly kafkaPort: number
  readonly controllerPort: number
}

/** Apache Kafka for tests: little memory and quick to start, where the bench gives it what its own scripts give. */
export const startKafkaBroker = (options: KafkaBrokerOptions): Promise<RunningServer> => {
  const missing = missingForKafka()
  if (missing !== undefined) throw new Error(`WADI_TEST_AGAINST=kafka needs ${missing}`)
  return startKafka({ ...options, jvm: ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx512m'] })
}
