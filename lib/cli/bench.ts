import { existsSync } from 'node:fs'
import { command } from './command.ts'
import { CommandError, UsageError } from './failures.ts'

export const bench = command({
  name: 'bench',
  summary: 'Measures this build with stock clients',
  about: `A table on stderr, the same as JSON on stdout. With --against kafka, Apache Kafka takes turns with it under the same
client and settings. The functions are bundled and loaded too; the status is 1 when one of them is above its limits.`,
  arguments: [],
  flags: {
    against: { kind: 'text', value: 'kafka', says: 'take turns with Apache Kafka' },
    only: { kind: 'text', value: 'wadi|kafka|functions', says: 'measure nothing else' },
    rounds: { kind: 'text', value: 'number', otherwise: '3', says: 'how often' },
    records: { kind: 'text', value: 'number', otherwise: '500000', says: 'of a round' },
    'record-bytes': { kind: 'text', value: 'bytes', otherwise: '1024', says: 'of each record' },
    partitions: { kind: 'text', value: 'number', otherwise: '6', says: 'of the topic' },
    'batch-bytes': { kind: 'text', value: 'bytes', otherwise: "16384, the Java producer's", says: 'of a batch' },
    'linger-ms': { kind: 'text', value: 'ms', otherwise: "5, the Java producer's", says: 'a batch waits for more' },
    compression: { kind: 'text', value: 'none|gzip|snappy|lz4|zstd', otherwise: 'none', says: 'of a batch' },
    'idle-seconds': { kind: 'text', value: 'seconds', otherwise: '30', says: 'members wait with nothing to read' },
    takeover: { kind: 'text', value: 'yes|no', otherwise: 'yes', says: 'measure how one gateway follows another' },
  },
  examples: [{ line: 'wadi bench --rounds 1 --records 100000', says: 'a first impression' }],
  run: async ({ flags }) => {
    const { against, only, takeover = 'yes' } = flags
    oneOf('against', against, ['kafka'])
    oneOf('only', only, ['wadi', 'kafka', 'functions'])
    oneOf('takeover', takeover, ['yes', 'no'])
    // The package that is installed leaves it out, see `prepack`.
    if (!existsSync(new URL('../bench/run.ts', import.meta.url))) {
      throw new CommandError('wadi bench builds and measures what is in a repository of Wadi: run it in one')
    }
    const { missingForKafka } = await import('../bench/tools.ts')
    const missing = against === undefined && only !== 'kafka' ? undefined : missingForKafka()
    if (missing !== undefined) throw new CommandError(`a comparison with Apache Kafka needs ${missing}`)
    const { runBench } = await import('../bench/run.ts')
    return runBench({
      against,
      only,
      takeover,
      rounds: flags.rounds ?? '3',
      records: flags.records ?? '500000',
      'record-bytes': flags['record-bytes'] ?? '1024',
      partitions: flags.partitions ?? '6',
      'batch-bytes': flags['batch-bytes'] ?? '16384',
      'linger-ms': flags['linger-ms'] ?? '5',
      compression: flags.compression ?? 'none',
      'idle-seconds': flags['idle-seconds'] ?? '30',
    })
  },
})

const oneOf = (flag: string, given: string | undefined, words: readonly string[]): void => {
  if (given === undefined || words.includes(given)) return
  throw new UsageError(`--${flag} is "${given}": it must be ${words.join(' or ')}`)
}
