import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { realClock } from '../clock.ts'
import { type Settings, SettingsError, settingsFrom } from '../environment.ts'
import { type Gateway, startGateway } from '../gateway/server.ts'
import { httpApp } from '../http/app.ts'
import { type HttpServer, listenHttp } from '../http/listen.ts'
import type { Instance } from '../instance.ts'
import { StoreSetupError, StoreUnavailable } from '../store/items.ts'
import { version } from '../version.ts'
import { bannerOf } from './dev-banner.ts'

const usage = `wadi dev [--kafka-port 9092] [--http-port 8080] [--data .wadi | --memory]

A server on this machine: Kafka's protocol and HTTP on 127.0.0.1, records in a folder. Port 0 takes any free one.

  --kafka-port   WADI_KAFKA_PORT            where Kafka clients connect
  --http-port    WADI_HTTP_PORT             where health, version and usage are
  --data         WADI_DATA                  the folder of the records; one process at a time has it
  --memory       WADI_STORE=memory          keep nothing (local and aws are the others)
                 WADI_FSYNC                 true: safe against a loss of power too, and slower
                 WADI_LINGER_MS             how long requests wait for others to share a write with
                 WADI_AUTO_CREATE_TOPICS    false: a topic must be created before it is used
                 WADI_NUM_PARTITIONS        of a topic that is created without a number
                 WADI_TABLE, WADI_BUCKET    of WADI_STORE=aws, beside AWS's own variables

`

const host = '127.0.0.1'
/** From the end of one pass of maintenance to the next. */
const maintenanceEveryMs = 1000
/** Nobody else writes to a folder, so growth is never missed; to a table others may. */
const pollMs = { local: 1000, memory: 1000, aws: 200 }

/** Runs until it is told to stop. The exit status. */
export const runDev = async (args: readonly string[]): Promise<number> => {
  let settings: Settings
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true })
    if (values.help) {
      process.stderr.write(usage)
      return 0
    }
    settings = settingsFrom({
      ...process.env,
      ...(values['kafka-port'] !== undefined && { WADI_KAFKA_PORT: values['kafka-port'] }),
      ...(values['http-port'] !== undefined && { WADI_HTTP_PORT: values['http-port'] }),
      ...(values.data !== undefined && { WADI_DATA: values.data }),
      ...(values.memory && { WADI_STORE: 'memory' }),
    })
  } catch (error) {
    if (!isUsageError(error)) throw error
    process.stderr.write(`wadi dev: ${error.message}\n\n${usage}`)
    return 2
  }
  try {
    await serve(settings)
    // What was cut off may still be trying; nobody waits for its answer any more.
    process.exit(0)
  } catch (error) {
    const problem = problemOf(error)
    if (problem === undefined) throw error
    process.stderr.write(`wadi dev: ${problem}\n`)
    return 1
  }
}

const options = {
  'kafka-port': { type: 'string' },
  'http-port': { type: 'string' },
  data: { type: 'string' },
  memory: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

const isUsageError = (error: unknown): error is Error =>
  error instanceof SettingsError ||
  (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))

/** What a person has to do, where another try would not help. */
const problemOf = (error: unknown): string | undefined => {
  if (error instanceof StoreSetupError || error instanceof StoreUnavailable) return error.message
  if (!(error instanceof Error) || !('code' in error) || !('port' in error)) return undefined
  const where = `port ${error.port} on ${host}`
  const other = 'choose another with --kafka-port or --http-port'
  if (error.code === 'EADDRINUSE') return `${where} is in use: stop what listens there, or ${other}`
  if (error.code === 'EACCES') return `${where} is not for everybody: ${other}`
  return undefined
}

const open = async (settings: Settings): Promise<Instance> => {
  const options = { ...settings, log }
  if (settings.store === 'aws') return (await import('../aws.ts')).openAws(options)
  const local = await import('../local.ts')
  return settings.store === 'memory' ? local.openMemory(options) : local.openLocal(options)
}

/** Everything people should see goes to stderr. */
const log = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

/**
 * Record bytes live outside JavaScript's heap. Left alone, V8 collects the whole heap for every 64 MiB of them that come
 * and go, which took a third of the processor time of producing and most of that of reading.
 */
const collectSeldom = (): void => setFlagsFromString('--external-memory-accounted-in-global-limit')

const serve = async (settings: Settings): Promise<void> => {
  collectSeldom()
  const stopping = stopSignal()
  const opened: (() => Promise<void> | void)[] = []
  try {
    const instance = await open(settings)
    opened.push(instance.close)
    const gateway = await listenKafka(settings, instance)
    opened.push(gateway.stop)
    const http = await listenToHttp(settings, instance, stopping)
    opened.push(http.stop)
    const maintenance = maintainRegularly(instance, stopping)
    opened.push(() => maintenance)
    const isPretty = process.stderr.isTTY && !process.env['NO_COLOR']
    const ports = { kafkaPort: gateway.port, httpPort: http.port }
    log(bannerOf({ version: version(), ...ports, kept: keptIn(settings) }, isPretty))
    await aborted(stopping)
    log('stopping')
  } finally {
    for (let close = opened.pop(); close !== undefined; close = opened.pop()) await close()
  }
}

/** Aborted by the first Ctrl-C or SIGTERM; the second ends the process at once. */
const stopSignal = (): AbortSignal => {
  const stopping = new AbortController()
  let firstMs = 0
  const stop = (_: NodeJS.Signals, number: number): void => {
    if (!stopping.signal.aborted) firstMs = realClock.now()
    else if (realClock.now() - firstMs > sameSignalMs) process.exit(signalExitBase + number)
    stopping.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return stopping.signal
}

/** One Ctrl-C arrives twice below npm: from the terminal, and from npm, which passes on its own. */
const sameSignalMs = 300

/** A process that a signal ended has this plus the signal's number as its status, to every shell. */
const signalExitBase = 128

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve())
  })

const listenKafka = (settings: Settings, { broker, watch }: Instance): Promise<Gateway> =>
  startGateway({
    broker,
    watch,
    timer: realClock,
    pollMs: pollMs[settings.store],
    host,
    port: settings.kafkaPort,
    log,
  })

const listenToHttp = (settings: Settings, instance: Instance, stopping: AbortSignal): Promise<HttpServer> => {
  const app = httpApp({
    version: version(),
    commit: settings.commit,
    isReady: () => !stopping.aborted,
    usage: instance.usage,
    maintain: (flushAll) => instance.maintain({ flushAll }),
    log,
  })
  return listenHttp(app, { host, port: settings.httpPort, sleep: realClock.sleep })
}

const maintainRegularly = async ({ maintain }: Instance, stopping: AbortSignal): Promise<void> => {
  while (!stopping.aborted) {
    await realClock.sleep(maintenanceEveryMs, stopping)
    if (stopping.aborted) return
    try {
      await maintain()
    } catch (error) {
      // What it did not do now is due at the next pass.
      log(`maintenance failed: ${error instanceof Error ? error.stack : error}`)
    }
  }
}

const keptIn = ({ store, data, aws }: Settings): string => {
  if (store === 'memory') return 'in memory: gone when it stops'
  return store === 'aws' ? `in table ${aws.table} and bucket ${aws.bucket}` : `in ${resolve(data)}`
}
