import { cpus, loadavg, totalmem } from 'node:os'
import { type FunctionFigures, functionsAbove, functionsTable, measureFunctions } from './functions.ts'
import { measureIdle } from './idle.ts'
import { consumerClient, producerClient } from './load.ts'
import { reportOf, tableOf } from './report.ts'
import { type Kind, measureRound, type Round } from './round.ts'
import { measureTakeover } from './takeover.ts'

/** As they are typed. */
export type BenchOptions = {
  readonly against: string | undefined
  readonly only: string | undefined
  readonly rounds: string
  readonly records: string
  readonly 'record-bytes': string
  readonly partitions: string
  readonly 'batch-bytes': string
  readonly 'linger-ms': string
  readonly compression: string
  readonly 'idle-seconds': string
  readonly takeover: string
}

/**
 * Measures Wadi on this machine over TCP with stock clients: a table on stderr, the same as JSON on stdout.
 * With `--against kafka`, Apache Kafka takes turns with it under the same client and settings. The functions are bundled
 * and loaded too. The exit status: 1 when one of them is above its limits.
 */
export const runBench = async (values: BenchOptions): Promise<number> => {
  const against = values.against !== undefined || values.only === 'kafka'
  if (values.only === 'functions') return reportFunctions(await measureFunctions())
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
  const idle = isIdleMeasured ? await measureIdle(load, idleSeconds) : new Map()
  const isTakeoverMeasured = kinds.includes('wadi') && values.takeover !== 'no'
  if (isTakeoverMeasured) process.stderr.write('one of two gateways ends\n')
  const takeover = isTakeoverMeasured ? await measureTakeover() : new Map()
  const report = reportOf(rounds, { idle, takeover })
  const functions = kinds.includes('wadi') ? await measureFunctions() : []
  process.stderr.write(`\n${tableOf(report)}\n${functionsTable(functions)}\n`)
  const names = { in: clients.producer.name, out: clients.consumer.name }
  const measured = {
    load,
    acks: 'all',
    rounds: Number(values.rounds),
    clients: names,
    machine: machine(),
    ...report,
    functions,
  }
  process.stdout.write(`${JSON.stringify(measured, undefined, 2)}\n`)
  return functionsAbove(functions).length === 0 ? 0 : 1
}

const reportFunctions = (functions: readonly FunctionFigures[]): number => {
  process.stderr.write(`${functionsTable(functions)}\n`)
  process.stdout.write(`${JSON.stringify({ machine: machine(), functions }, undefined, 2)}\n`)
  return functionsAbove(functions).length === 0 ? 0 : 1
}

/** What a reader of the figures has to know about the machine; the load says who else was using it. */
const machine = () => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  loadAverage1Min: loadavg()[0],
  node: process.version,
})
