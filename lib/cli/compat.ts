import type { Command } from './command.ts'
import type { Tool } from './compat-tool.ts'
import { UsageError } from './failures.ts'

/** Apache's tools by their names. Each is loaded when it is asked for. */
const tools: Readonly<Record<string, () => Promise<Tool>>> = {
  'kafka-topics': async () => (await import('./compat-topics.ts')).kafkaTopics,
  'kafka-configs': async () => (await import('./compat-configs.ts')).kafkaConfigs,
  'kafka-console-producer': async () => (await import('./compat-console-producer.ts')).kafkaConsoleProducer,
  'kafka-console-consumer': async () => (await import('./compat-console-consumer.ts')).kafkaConsoleConsumer,
  'kafka-consumer-groups': async () => (await import('./compat-consumer-groups.ts')).kafkaConsumerGroups,
  'kafka-delete-records': async () => (await import('./compat-delete-records.ts')).kafkaDeleteRecords,
  'kafka-verifiable-producer': async () => (await import('./compat-verifiable-producer.ts')).kafkaVerifiableProducer,
  'kafka-verifiable-consumer': async () => (await import('./compat-verifiable-consumer.ts')).kafkaVerifiableConsumer,
}

/** Apache Kafka's command line tools without Java: the same flags, outputs and statuses, with any Kafka. */
export const compat: Command = {
  name: 'compat',
  summary: 'Apache Kafka’s command line tools, without Java',
  about: `The flags are those of Apache Kafka 4.2, the older names too. They speak Kafka's protocol with any cluster.\n\n${Object.keys(tools).join('\n')}`,
  arguments: [
    { name: 'tool', says: 'one of these, with or without .sh', isOptional: true },
    { name: 'flags', says: 'as the tool takes them', isOptional: true, isRepeated: true },
  ],
  flags: {},
  readsFlagsItself: true,
  examples: [
    { line: 'wadi compat kafka-topics --bootstrap-server 127.0.0.1:9092 --list', says: 'the names of all topics' },
  ],
  run: async ({ arguments: [name = '', ...args] }, around) => {
    const load = tools[name.replace(/\.sh$/, '')]
    if (load === undefined) {
      throw new UsageError(name === '' ? '<tool> is missing: which of the tools' : `there is no tool "${name}" here`)
    }
    return (await load())(args, around)
  },
}
