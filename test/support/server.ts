import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type RunningServer, startWadi } from '../../lib/bench/server.ts'
import { startKafkaBroker } from './kafka-broker.ts'

/** A server under test, which can be killed and started again on the same ports and data. */
export type ServerUnderTest = {
  /** `127.0.0.1:port`, the same for the whole life of this value. */
  readonly bootstrap: string
  readonly host: string
  readonly port: number
  /** kill -9, and started again. */
  killAndRestart(): Promise<void>
  /** Ended as with Ctrl-C, and started again. */
  stopAndRestart(): Promise<void>
  /** Has maintenance do what is due now: rows become segments, objects nobody refers to disappear. */
  maintain(): Promise<void>
  /** Ends it and removes its data. */
  [Symbol.asyncDispose](): Promise<void>
}

/** What the suites run against: Wadi, or Apache Kafka as the oracle that says the suites are right. */
export const against = process.env['WADI_TEST_AGAINST'] === 'kafka' ? 'kafka' : 'wadi'

/** A fresh server with no topics. `environment` is added to Wadi's. */
export const startServer = async (environment: Readonly<Record<string, string>> = {}): Promise<ServerUnderTest> => {
  const data = mkdtempSync(join(tmpdir(), 'wadi-server-'))
  const kafkaPort = await freePort()
  const otherPort = await freePort()
  const start = (): Promise<RunningServer> =>
    against === 'kafka'
      ? startKafkaBroker({ data, kafkaPort, controllerPort: otherPort })
      : startWadi({ data, kafkaPort, httpPort: otherPort, environment })
  let server = await start()
  return {
    bootstrap: server.bootstrap,
    host: '127.0.0.1',
    port: kafkaPort,
    killAndRestart: async () => {
      await server.kill()
      server = await start()
    },
    stopAndRestart: async () => {
      await server.stop()
      server = await start()
    },
    maintain: async () => {
      if (against === 'wadi') await runMaintenance(otherPort)
    },
    [Symbol.asyncDispose]: async () => {
      await server.kill()
      rmSync(data, { recursive: true, force: true })
    },
  }
}

/** The development server does on request what its timer does, tails that are short included; it answers when it is done. */
const runMaintenance = async (httpPort: number): Promise<void> => {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/v1/maintenance:run?flush=true`, { method: 'POST' })
  if (!answer.ok) throw new Error(`Maintenance answered ${answer.status}: ${await answer.text()}`)
}
