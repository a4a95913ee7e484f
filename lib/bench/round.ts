import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spentBetween, spentBy, usdOf } from './cost.ts'
import { type Client, createTopic, type Load } from './load.ts'
import { freePort, type RunningServer, startKafka, startWadi } from './server.ts'
import { longLivedJvm } from './tools.ts'

export type Kind = 'wadi' | 'kafka'

/** One direction of one run, as figures by name; MB are 1,000,000 bytes, MiB are 1,048,576, of record values. */
export type Figures = ReadonlyMap<string, number>

export type Round = { readonly kind: Kind; readonly in: Figures; readonly out: Figures }

export type Clients = { readonly producer: Client; readonly consumer: Client }

/** A fresh server on an empty folder: warmed up with a tenth of the load, then everything in, then everything out. */
export const measureRound = async (kind: Kind, clients: Clients, load: Load): Promise<Round> => {
  const data = mkdtempSync(join(tmpdir(), `wadi-bench-${kind}-`))
  const httpPort = await freePort()
  const server = await starters[kind](data, await freePort(), httpPort)
  try {
    const usagePort = kind === 'wadi' ? httpPort : undefined
    const warmUp = { ...load, topic: 'warm-up', records: Math.ceil(load.records / 10) }
    for (const each of [warmUp, load]) await createTopic(server, each)
    for (const { run } of [clients.producer, clients.consumer]) await run(server, warmUp)
    const figures = async (client: Client): Promise<Figures> => {
      const before = await spentBy(server.pid, usagePort)
      const timed = await client.run(server, load)
      const spent = spentBetween(before, await spentBy(server.pid, usagePort))
      const mebibytes = (load.records * load.recordBytes) / 2 ** 20
      const usd = usdOf(spent.counters)
      const perSecond = timed.records / timed.seconds
      return new Map([
        ['MB/s', (perSecond * load.recordBytes) / 1e6],
        ['records/s', perSecond],
        ...(timed.p99Ms === undefined ? [] : [['p99 ms', timed.p99Ms] as const]),
        ...(spent.cpuMs === undefined ? [] : [['CPU ms/MiB', spent.cpuMs / mebibytes] as const]),
        ...(usd === undefined ? [] : [['AWS USD/GiB', (usd / mebibytes) * 1024] as const]),
        ...[...spent.counters].map(([name, count]) => [`${name}/MiB`, count / mebibytes] as const),
      ])
    }
    return { kind, in: await figures(clients.producer), out: await figures(clients.consumer) }
  } finally {
    await server.stop()
    rmSync(data, { recursive: true, force: true })
  }
}

const starters: Readonly<Record<Kind, (data: string, kafkaPort: number, other: number) => Promise<RunningServer>>> = {
  wadi: (data, kafkaPort, httpPort) => startWadi({ data, kafkaPort, httpPort }),
  kafka: (data, kafkaPort, controllerPort) => startKafka({ data, kafkaPort, controllerPort, jvm: longLivedJvm }),
}
