import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { findKcat, kafkaProgram, missingForKafka, shortLivedJvm } from '../../lib/bench/tools.ts'
import { Random } from '../simulation/random.ts'
import { type Ledger, type Place, recordValue } from './soak-judge.ts'
import type { Pace } from './soak-producer.ts'

/** An unmodified client that produces with idempotence, and writes down what it is told. */
export type StockProducer = Ledger & {
  readonly problems: readonly string[]
  /** Runs until the pace is `end`, and everything it has sent is answered. */
  readonly run: () => Promise<void>
}

export type StockOptions = {
  readonly bootstrap: string
  readonly topic: string
  readonly partitions: number
  readonly seed: number
  readonly pace: () => Pace
  readonly abandoned: AbortSignal
}

const idleMs = 20
/** Between eight records and the next. */
const kcatPauseMs = 100
const keys = 8
/** So long a client goes on trying: nothing here is away for longer. */
const deliveryTimeoutMs = 120_000

class StockLedger {
  readonly kind = 'idempotent'
  readonly acknowledged = new Map<number, Place | undefined>()
  readonly refused = new Set<number>()
  readonly problems: string[] = []
  readonly name: string
  made = 0

  constructor(name: string) {
    this.name = name
  }
}

/** KafkaJS with `idempotent: true`, which has one request in flight. */
export const kafkaJsProducer = (options: StockOptions): StockProducer => {
  const { bootstrap, topic, partitions, seed, pace, abandoned } = options
  const ledger = new StockLedger('kafkajs')
  const random = new Random(seed)
  const retry = { retries: 1000, initialRetryTime: 50, maxRetryTime: 500 }
  const kafka = new Kafka({
    clientId: 'soak',
    brokers: bootstrap.split(','),
    logLevel: logLevel.NOTHING,
    requestTimeout: 3000,
    connectionTimeout: 1000,
    retry,
  })
  const send = async (): Promise<void> => {
    const producer = kafka.producer({
      ...{ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false, retry },
      createPartitioner: Partitioners.DefaultPartitioner,
    })
    await untilDone(() => producer.connect(), abandoned)
    for (let next = pace(); next !== 'end'; next = pace()) {
      if (next === 'wait') {
        await pause(idleMs)
        continue
      }
      const numbers = Array.from({ length: 1 + random.int(20) }, () => ledger.made++)
      // In one partition, because a request of which a part was stored is not repeated as it was.
      const partition = random.int(partitions)
      const messages = numbers.map((number) => ({
        partition,
        key: `kafkajs-${partition}`,
        value: recordValue('kafkajs', number),
      }))
      await untilDone(() => producer.send({ topic, acks: -1, messages }), abandoned)
      if (abandoned.aborted) return
      for (const number of numbers) ledger.acknowledged.set(number, undefined)
    }
    await producer.disconnect().catch(() => {})
  }
  const run = async (): Promise<void> => {
    const given = once(abandoned, 'abort').then(() => 'has not ended')
    const failed = await Promise.race([send().then(() => undefined, String), given])
    if (failed !== undefined) ledger.problems.push(`KafkaJS: ${failed}`)
  }
  return Object.assign(ledger, { run })
}

/** KafkaJS gives up on some lost connections, and repeats the same sequence when it is asked to send the same again. */
const untilDone = async (work: () => Promise<unknown>, abandoned: AbortSignal): Promise<void> => {
  while (!abandoned.aborted) {
    const failed = await work().then(() => undefined, String)
    if (failed === undefined) return
    if (!/connect|timed? ?out|closed/i.test(failed)) throw new Error(failed)
    await pause(idleMs)
  }
}

/** librdkafka with `enable.idempotence`, as kcat: whether all was delivered is told at the end, by its status. */
export const kcatProducer = (options: StockOptions): StockProducer | undefined => {
  const command = findKcat()
  if (command === undefined) return undefined
  const { bootstrap, topic, pace, abandoned } = options
  const ledger = new StockLedger('kcat')
  const settings = ['enable.idempotence=true', 'batch.size=4096', 'reconnect.backoff.max.ms=500']
  const times = ['socket.timeout.ms=3000', `message.timeout.ms=${deliveryTimeoutMs}`]
  const args = ['-P', '-E', '-q', '-b', bootstrap, '-t', topic, '-K', '\t']
  const run = async (): Promise<void> => {
    const child = spawn(command, [...args, ...[...settings, ...times].flatMap((each) => ['-X', each])], {
      stdio: ['pipe', 'ignore', 'pipe'],
      signal: abandoned,
      killSignal: 'SIGKILL',
    })
    const said: string[] = []
    child.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text))
    child.stdin.on('error', () => {})
    child.on('error', () => {})
    const ended = once(child, 'close')
    for (let next = pace(); next !== 'end'; next = pace()) {
      await pause(kcatPauseMs)
      if (next === 'wait') continue
      const lines = Array.from({ length: 8 }, () => ledger.made++).map(lineOf)
      child.stdin.write(lines.join(''))
    }
    child.stdin.end()
    const [status] = await ended
    if (status !== 0) ledger.problems.push(`kcat ended with status ${status}: ${said.slice(-5).join('')}`)
    else for (let number = 0; number < ledger.made; number++) ledger.acknowledged.set(number, undefined)
  }
  return Object.assign(ledger, { run })
}

const lineOf = (number: number): string => `kcat-${number % keys}\t${recordValue('kcat', number)}\n`

/** Java's client with `enable.idempotence`, as Apache's VerifiableProducer: it tells every record's place. */
export const javaProducer = (options: StockOptions & { readonly perSecond: number }): StockProducer | undefined => {
  if (missingForKafka() !== undefined) return undefined
  const { bootstrap, topic, perSecond, pace, abandoned } = options
  const ledger = new StockLedger(javaName)
  const settings = ['enable.idempotence=true', 'retries=2147483647', 'acks=all', 'request.timeout.ms=3000']
  const times = [
    `delivery.timeout.ms=${deliveryTimeoutMs}`,
    `max.block.ms=${deliveryTimeoutMs}`,
    'reconnect.backoff.max.ms=500',
    'retry.backoff.ms=50',
  ]
  const run = async (): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), 'wadi-soak-'))
    const config = join(folder, 'producer.properties')
    writeFileSync(config, [...settings, ...times].join('\n'))
    const where = ['--bootstrap-server', bootstrap, '--topic', topic, '--command-config', config]
    const what = ['--throughput', String(perSecond), '--value-prefix', javaName, '--repeating-keys', String(keys)]
    const program = kafkaProgram('kafka-verifiable-producer', [...where, ...what], shortLivedJvm)
    const child = spawn(program.command, program.args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: abandoned,
      killSignal: 'SIGKILL',
    })
    child.on('error', () => {})
    child.stderr.resume()
    let unfinished = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (unfinished + text).split('\n')
      unfinished = lines.pop() ?? ''
      for (const line of lines) takeEvent(line, ledger)
    })
    const ended = once(child, 'close')
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null
    while (pace() !== 'end' && !hasEnded()) await pause(idleMs)
    // It ends after all that it has sent is answered.
    child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true })
    // What it was told at last may never have been printed: any number may have been sent.
    ledger.made = Number.MAX_SAFE_INTEGER
  }
  return Object.assign(ledger, { run })
}

/** It takes only a number. */
const javaName = '7'

/** It knew no server, which it forgets when it can reach none, or it was to end: the record has not left it. */
const neverSent = /not present in metadata|Producer closed while send in progress/

const takeEvent = (line: string, ledger: StockLedger): void => {
  if (!line.startsWith('{')) return
  const event = JSON.parse(line)
  const number = Number(String(event.value).split('.')[1])
  if (event.name === 'producer_send_success')
    ledger.acknowledged.set(number, { partition: event.partition, offset: BigInt(event.offset) })
  if (event.name !== 'producer_send_error') return
  if (neverSent.test(event.message)) ledger.refused.add(number)
  else ledger.problems.push(`Java: record ${number} failed: ${event.exception} ${event.message}`)
}
