import { resolve } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import type { Hono } from 'hono'
import { realClock } from '../clock.ts'
import type { Settings } from '../environment.ts'
import { type Gateway, startGateway } from '../gateway/server.ts'
import { httpApp } from '../http/app.ts'
import type { Access } from '../http/auth.ts'
import { everyPart } from '../http/every-part.ts'
import { growthOf } from '../http/growth.ts'
import { listenHttp } from '../http/listen.ts'
import { serverApp } from '../http/server-app.ts'
import type { Instance } from '../instance.ts'
import { version } from '../version.ts'
import { bannerOf } from './dev-banner.ts'
import { type Seed, seedTopics } from './dev-seed.ts'
import { aborted, stopSignal } from './stop-signal.ts'

const host = '127.0.0.1'
/** From the end of one pass of maintenance to the next: in AWS each is paid for. */
const maintenanceEveryMs = { local: 1000, memory: 1000, aws: 10_000 }
/** What a pass in AWS has no time for is left to the next. */
const longestPassMs = 60_000
/** Nobody else writes to a folder, so growth is never missed; to a table others may. */
const pollMs = { local: 1000, memory: 1000, aws: 200 }

export type DevSetup = {
  readonly settings: Settings
  readonly access: Access
  /** Topics to begin with. */
  readonly seed: readonly Seed[]
  /** Whoever started it sees colours. */
  readonly isPretty: boolean
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

/** Serves until it is told to stop. Throws what people can do something about, see `failureOf`. */
export const serve = async ({ settings, access, seed, isPretty }: DevSetup): Promise<void> => {
  collectSeldom()
  const stopping = stopSignal()
  const opened: (() => Promise<void> | void)[] = []
  try {
    const instance = await open(settings)
    opened.push(instance.close)
    const gateway = await listenKafka(settings, instance)
    opened.push(gateway.stop)
    await instance.join()
    opened.push(instance.leave)
    const api = apiOf(settings, instance, stopping)
    await seedTopics(api, seed, log)
    const http = await listenHttp(serverApp({ broker: instance.broker, access, api, log }), {
      host,
      port: settings.httpPort,
      sleep: realClock.sleep,
    })
    opened.push(http.stop)
    const maintenance = maintainRegularly(settings, instance, stopping)
    opened.push(() => maintenance)
    const ports = { kafkaPort: gateway.port, httpPort: http.port }
    log(bannerOf({ version: version(), ...ports, kept: keptIn(settings) }, isPretty))
    await aborted(stopping)
    log('stopping')
  } finally {
    for (let close = opened.pop(); close !== undefined; close = opened.pop()) await close()
  }
}

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

const apiOf = (settings: Settings, instance: Instance, stopping: AbortSignal): Hono =>
  httpApp({
    version: version(),
    commit: settings.commit,
    isReady: () => !stopping.aborted,
    usage: instance.usage,
    maintain: (flushAll) => instance.maintain({ flushAll }),
    context: instance.context,
    parts: everyPart,
    growth: growthOf(instance.watch, realClock.sleep),
    stopping,
    log,
  })

const maintainRegularly = async ({ store }: Settings, instance: Instance, stopping: AbortSignal): Promise<void> => {
  while (!stopping.aborted) {
    await realClock.sleep(maintenanceEveryMs[store], stopping)
    if (stopping.aborted) return
    try {
      if (store === 'aws') await instance.maintainHinted({ remainingMs: longestPassMs })
      else await instance.maintain()
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
