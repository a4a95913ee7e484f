/** What a server that has just started tells the person who started it. */
export type Listening = {
  readonly version: string
  readonly kafkaPort: number
  readonly httpPort: number
  /** Where records are kept, in words. */
  readonly kept: string
}

const host = '127.0.0.1'

/** Where it listens, and lines to copy. `isPretty` is for a terminal that knows colours. */
export const bannerOf = ({ version, kafkaPort, httpPort, kept }: Listening, isPretty: boolean): string => {
  const bold = (text: string): string => (isPretty ? `\x1b[1m${text}\x1b[22m` : text)
  const dim = (text: string): string => (isPretty ? `\x1b[2m${text}\x1b[22m` : text)
  const broker = `${host}:${kafkaPort}`
  const examples = [
    ['kcat', `echo hello | kcat -P -b ${broker} -t first`],
    ['', `kcat -C -b ${broker} -t first -o beginning -e`],
    ['Apache', `kafka-topics.sh --bootstrap-server ${broker} --create --topic second --partitions 3`],
    ['', `kafka-console-producer.sh --bootstrap-server ${broker} --topic second`],
    ['', `kafka-console-consumer.sh --bootstrap-server ${broker} --topic second --partition 0 --offset earliest`],
    ['KafkaJS', `const kafka = new Kafka({ brokers: ['${broker}'] })`],
  ] as const
  return [
    `${bold(`wadi ${version}`)} is ready`,
    '',
    `  Kafka     ${bold(broker)}`,
    `  HTTP      http://${host}:${httpPort}/healthz`,
    `  records   ${kept}`,
    '',
    ...examples.map(([tool, line]) => `  ${dim(tool.padEnd(9))} ${line}`),
    '',
    dim('Ctrl-C stops it.'),
    '',
  ].join('\n')
}
