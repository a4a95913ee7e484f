import { cpus, loadavg, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { measureIdle } from './bench-idle.ts'
import { consumerClient, producerClient } from './bench-load.ts'
import { reportOf, tableOf } from './bench-report.ts'
import { type Kind, measureRound, type Round } from './bench-round.ts'
import { missingForKafka } from './bench-tools.ts'

const usage = `wadi bench [--against kafka] [--rounds n] [--records n] [--record-bytes n] [--partitions n]
           [--batch-bytes n] [--linger-ms n] [--compression none|gzip|snappy|lz4|zstd] [--only wadi|kafka]
           [--idle-seconds n]
`

/**
 * Measures Wadi on this machine over TCP with stock clients: a table on stderr, the same as JSON on stdout.
 * With `--against kafka`, Apache Kafka takes turns with it under the same client and settings. The exit status.
 */
export const runBench = async (args: readonly string[]): Promise<number> => {
  const { values } = parseArgs({ args: [...args], options, strict: true })
  const against = values.against !== undefined || values.only === 'kafka'
  if ((values.against ?? 'kafka') !== 'kafka' || !['wadi', 'kafka', undefined].includes(values.only)) {
    process.stderr.write(usage)
    return 2
  }
  const missing = missingForKafka()
  if (against && missing !== undefined) {
    process.stderr.write(`A comparison with Apache Kafka needs ${missing}\n`)
    return 1
  }
  const load = {
    topic: 'bench',
    records: Number(values.records),
    recordBytes: Number(values['record-bytes']),
    partitions: Number(values.partitions),
    batchBytes: Number(values['batch-bytes']),
    lingerMs: Number(values['linger-ms']),
    compression: values.compression,
  }
  const kinds: readonly Kind[] = values.only === 'kafka' ? ['kafka'] : against ? ['wadi', 'kafka'] : ['wadi']
  const clients = { producer: producerClient(), consumer: consumerClient() }
  const rounds: Round[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    // Whoever went second goes first next time: what one leaves to the disk disturbs both alike.
    for (const kind of round % 2 === 0 ? kinds : kinds.toReversed()) {
      process.stderr.write(`round ${round + 1} of ${values.rounds}: ${kind}\n`)
      rounds.push(await measureRound(kind, clients, load))
    }
  }
  const idleSeconds = Number(values['idle-seconds'])
  const isIdleMeasured = kinds.includes('wadi') && idleSeconds > 0
  if (isIdleMeasured) process.stderr.write('members with nothing to read\n')
  const report = reportOf(rounds, isIdleMeasured ? await measureIdle(load, idleSeconds) : new Map())
  process.stderr.write(`\n${tableOf(report)}\n`)
  const names = { in: clients.producer.name, out: clients.consumer.name }
  const measured = { load, acks: 'all', rounds: Number(values.rounds), clients: names, machine: machine(), ...report }
  process.stdout.write(`${JSON.stringify(measured, undefined, 2)}\n`)
  return 0
}

/** The defaults for batch and linger are the Java producer's own. */
const options = {
  against: { type: 'string' },
  only: { type: 'string' },
  rounds: { type: 'string', default: '3' },
  records: { type: 'string', default: '500000' },
  'record-bytes': { type: 'string', default: '1024' },
  partitions: { type: 'string', default: '6' },
  'batch-bytes': { type: 'string', default: '16384' },
  'linger-ms': { type: 'string', default: '5' },
  compression: { type: 'string', default: 'none' },
  'idle-seconds': { type: 'string', default: '30' },
} as const

/** What a reader of the figures has to know about the machine; the load says who else was using it. */
const machine = () => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  loadAverage1Min: loadavg()[0],
  node: process.version,
})
