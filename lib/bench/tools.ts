import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Program } from './process.ts'

/** Apache Kafka's programs by the names of their scripts; the scripts only start these classes. */
const classes = {
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-broker-api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  'kafka-console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-verifiable-consumer': 'org.apache.kafka.tools.VerifiableConsumer',
  'kafka-verifiable-producer': 'org.apache.kafka.tools.VerifiableProducer',
  'kafka-producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'kafka-storage': 'kafka.tools.StorageTool',
  'kafka-server-start': 'kafka.Kafka',
} as const

export type KafkaProgram = keyof typeof classes

/** For programs that live a second: compile little, collect simply. */
export const shortLivedJvm = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m'] as const

/** What Apache's scripts give a server or a load generator. */
export const longLivedJvm = [
  '-server',
  '-Xms1g',
  '-Xmx1g',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
] as const

/** One of Apache Kafka's programs as a command. Throws where Java or the jars are missing: ask `missingForKafka` first. */
export const kafkaProgram = (name: KafkaProgram, args: readonly string[], jvm: readonly string[]): Program => {
  const java = findJava()
  const jars = findKafkaJars()
  if (java === undefined || jars === undefined) throw new Error(`${name} is not here: ${missingForKafka()}`)
  return {
    command: java,
    args: ['-cp', join(jars, '*'), ...jvm, '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', classes[name], ...args],
  }
}

/** What Apache Kafka's programs lack on this machine and how to get it, or undefined when they run. */
export const missingForKafka = (): string | undefined => {
  if (findJava() === undefined) return `Java ${minimumJava} or later, on Debian: apt-get install default-jre-headless`
  if (findKafkaJars() === undefined) return "Apache Kafka's jars, run: .ci/jars"
  return undefined
}

/** kcat's command, or undefined. */
export const findKcat = (): string | undefined => onPath('kcat') ?? onPath('kafkacat')

/** The folder of Apache Kafka's jars, or undefined. */
export const findKafkaJars = (): string | undefined => {
  const folder = process.env['WADI_KAFKA_JARS'] ?? fileURLToPath(new URL('../../.cache/kafka', import.meta.url))
  return existsSync(folder) && readdirSync(folder).some((name) => /^kafka-tools-.*\.jar$/.test(name))
    ? folder
    : undefined
}

/** Java new enough for Kafka 4's server, or undefined. */
const findJava = (): string | undefined => {
  const home = process.env['JAVA_HOME']
  const command = home === undefined ? onPath('java') : join(home, 'bin', 'java')
  if (command === undefined) return undefined
  const answer = spawnSync(command, ['-version'], { encoding: 'utf8', timeout: javaVersionTimeoutMs })
  const major = /version "(\d+)/.exec(answer.stderr ?? '')?.[1]
  return major !== undefined && Number(major) >= minimumJava ? command : undefined
}

const minimumJava = 17
const javaVersionTimeoutMs = 10_000

const onPath = (name: string): string | undefined =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file))
