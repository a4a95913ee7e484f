import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Program, runWell } from './process.ts'
import { kafkaProgram } from './tools.ts'

/** A server in a process of its own, listening on 127.0.0.1. */
export type RunningServer = {
  readonly pid: number
  readonly kafkaPort: number
  /** `127.0.0.1:port`, as clients want it. */
  readonly bootstrap: string
  /** Asks it to end, as Ctrl-C does, and waits until it has. */
  stop(): Promise<void>
  /** kill -9: nothing is written any more. */
  kill(): Promise<void>
}

export type WadiOptions = {
  readonly data: string
  readonly kafkaPort: number
  readonly httpPort: number
  readonly environment?: Readonly<Record<string, string>>
}

/** Wadi's development server, ready for clients. `data` is an existing folder; the server's output goes to `server.log` beside its data. */
export const startWadi = (options: WadiOptions): Promise<RunningServer> => {
  const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url))
  const ports = ['--kafka-port', String(options.kafkaPort), '--http-port', String(options.httpPort)]
  const program = {
    command: process.execPath,
    args: [main, 'dev', ...ports, '--data', join(options.data, 'wadi')],
  }
  return start(program, { ...options, log: join(options.data, 'server.log'), stopSignal: 'SIGINT' })
}

export type KafkaOptions = {
  readonly data: string
  readonly kafkaPort: number
  readonly controllerPort: number
  readonly jvm: readonly string[]
}

/** Apache Kafka in KRaft mode: one node that is broker and controller, with a log of its own under `data`, formatted when it is new. */
export const startKafka = async (options: KafkaOptions): Promise<RunningServer> => {
  const properties = join(options.data, 'server.properties')
  writeFileSync(properties, kafkaProperties(options))
  const format = ['format', '--cluster-id', kafkaClusterId, '--config', properties, '--ignore-formatted']
  await runWell(kafkaProgram('kafka-storage', format, ['-XX:TieredStopAtLevel=1']), { timeoutMs: startTimeoutMs })
  const program = kafkaProgram('kafka-server-start', [properties], options.jvm)
  return start(program, { ...options, log: join(options.data, 'server.log'), stopSignal: 'SIGTERM' })
}

const kafkaProperties = (options: KafkaOptions): string =>
  Object.entries({
    'process.roles': 'broker,controller',
    'node.id': '1',
    listeners: `PLAINTEXT://127.0.0.1:${options.kafkaPort},CONTROLLER://127.0.0.1:${options.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${options.kafkaPort}`,
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': `1@127.0.0.1:${options.controllerPort}`,
    'log.dirs': join(options.data, 'kafka'),
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

/** Any id will do for a broker that lives on one machine for minutes. */
const kafkaClusterId = 'AAAAAAAAAAAAAAAAAAAAAQ'

/** A port that nothing listens on at this moment. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('A TCP server without a port')
  return address.port
}

const startTimeoutMs = 60_000
const stopTimeoutMs = 20_000
const pollEveryMs = 25

type StartOptions = {
  readonly kafkaPort: number
  readonly log: string
  readonly stopSignal: NodeJS.Signals
  readonly environment?: Readonly<Record<string, string>>
}

const start = async (program: Program, options: StartOptions): Promise<RunningServer> => {
  const log = openSync(options.log, 'a')
  const env = { ...process.env, ...options.environment }
  const child = spawn(program.command, program.args, { stdio: ['ignore', log, log], env })
  closeSync(log)
  const abandon = (): void => void child.kill('SIGKILL')
  process.once('exit', abandon)
  child.once('exit', () => process.off('exit', abandon))
  const ended = once(child, 'exit')
  const deadline = performance.now() + startTimeoutMs
  while (!(await answersMetadata(options.kafkaPort))) {
    if (hasEnded(child) || performance.now() > deadline) {
      abandon()
      throw new Error(`The server did not start: ${program.command} ${program.args.join(' ')}\n${tail(options.log)}`)
    }
    await pause(pollEveryMs)
  }
  if (child.pid === undefined) throw new Error('A server without a process id')
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!hasEnded(child)) child.kill(signal)
    const overdue = new AbortController()
    const late = pause(stopTimeoutMs, undefined, { signal: overdue.signal }).then(abandon, () => {})
    await ended
    overdue.abort()
    await late
  }
  return {
    pid: child.pid,
    kafkaPort: options.kafkaPort,
    bootstrap: `127.0.0.1:${options.kafkaPort}`,
    stop: () => end(options.stopSignal),
    kill: () => end('SIGKILL'),
  }
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

const tailBytes = 8_192

const tail = (file: string): string => readFileSync(file, 'utf8').slice(-tailBytes)

/**
 * Whether a broker serves Metadata v1 and names itself in the reply: an open port alone is not enough,
 * because Kafka listens before its controller has let the broker in.
 */
const answersMetadata = async (port: number): Promise<boolean> => {
  const request = Buffer.from('00000014 0003 0001 00000001 0006 7265616479 21 00000000'.replaceAll(' ', ''), 'hex')
  const socket = connect({ port, host: '127.0.0.1', timeout: answerTimeoutMs })
  socket.on('timeout', () => socket.destroy(new Error('No answer')))
  try {
    socket.write(request)
    let reply = Buffer.alloc(0)
    for await (const bytes of socket) {
      reply = Buffer.concat([reply, bytes])
      if (reply.length >= brokerCountAt + 4) return reply.readInt32BE(brokerCountAt) > 0
    }
    return false
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

const answerTimeoutMs = 2_000

/** After the reply's size and correlation id. */
const brokerCountAt = 8
