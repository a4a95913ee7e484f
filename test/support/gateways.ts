import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { freePort, type RunningServer, startWadi } from '../../lib/bench/server.ts'
import { withAdmin } from './admin.ts'
import { createBucket, createTable, environmentOf, startEmulator } from './emulator.ts'

/** A gateway in a process of its own, which can be ended and started again at its address. */
export type GatewayUnderTest = {
  readonly bootstrap: string
  readonly port: number
  readonly kill: () => Promise<void>
  readonly stop: () => Promise<void>
  /** Unless it runs. */
  readonly start: () => Promise<void>
}

/** Gateways over one table and one bucket, each of which clients are told of. */
export const startGateways = async (count: number) => {
  const emulator = await startEmulator()
  await createTable(emulator.dynamo, 'wadi')
  await createBucket(emulator.s3, 'wadi')
  const data = mkdtempSync(join(tmpdir(), 'wadi-gateways-'))
  const gateways: GatewayUnderTest[] = []
  const end = async (): Promise<void> => {
    for (const gateway of gateways) await gateway.kill()
    await emulator.close()
    rmSync(data, { recursive: true, force: true })
  }
  try {
    for (let i = 0; i < count; i++) gateways.push(await gatewayOver(environmentOf(emulator), data))
    await untilAllAreKnown(gateways)
  } catch (error) {
    await end()
    throw error
  }
  const bootstrap = gateways.map((gateway) => gateway.bootstrap).join(',')
  return { gateways, bootstrap, [Symbol.asyncDispose]: end }
}

const gatewayOver = async (environment: Readonly<Record<string, string>>, data: string): Promise<GatewayUnderTest> => {
  const port = await freePort()
  const httpPort = await freePort()
  const bootstrap = `127.0.0.1:${port}`
  const start = (): Promise<RunningServer> =>
    startWadi({ data, kafkaPort: port, httpPort, environment: { ...environment, WADI_ADVERTISE: bootstrap } })
  let server: RunningServer | undefined = await start()
  const end = async (how: 'kill' | 'stop'): Promise<void> => {
    await server?.[how]()
    server = undefined
  }
  return {
    bootstrap,
    port,
    kill: () => end('kill'),
    stop: () => end('stop'),
    start: async () => {
      server ??= await start()
    },
  }
}

/** Waits until clients of each are told of all. */
export const untilAllAreKnown = async (gateways: readonly GatewayUnderTest[]): Promise<void> => {
  const ports = gateways.map(({ port }) => port).toSorted()
  for (const { bootstrap } of gateways) {
    await vi.waitFor(
      () => withAdmin(bootstrap, async (admin) => expect(portsOf(await admin.describeCluster())).toEqual(ports)),
      { timeout: 30_000, interval: 100 },
    )
  }
}

const portsOf = ({ brokers }: { readonly brokers: readonly { readonly port: number }[] }): readonly number[] =>
  brokers.map(({ port }) => port).toSorted()
