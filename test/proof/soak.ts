import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../lib/bench/server.ts'
import { Random } from '../simulation/random.ts'
import { createTopic, withAdmin } from '../support/admin.ts'
import { fetchTopic } from '../support/fetch.ts'
import { until } from '../support/group-run.ts'
import { Chaos, type ChaosCounts } from './soak-chaos.ts'
import { javaProducer, kafkaJsProducer, kcatProducer } from './soak-clients.ts'
import { SoakGroup } from './soak-group.ts'
import { type Consumption, judge, type Stored } from './soak-judge.ts'
import { type Pace, RawProducer } from './soak-producer.ts'
import { auditDeep, SoakServer } from './soak-server.ts'
import { openStore, type StoreKind } from './soak-store.ts'
import { UpTime } from './soak-uptime.ts'
import { watchCommits } from './soak-watch.ts'

export type SoakOptions = {
  readonly store: StoreKind
  readonly seed: number
  readonly kills: number
  readonly pauses: number
  readonly records: number
  /** Faults end after this, however many there were. */
  readonly maxMs: number
  /** Also the clients that are no small thing to start: Java's and librdkafka's producers, a group of the new protocol. */
  readonly everybody: boolean
  readonly progress?: (line: string) => void
}

export type SoakReport = ChaosCounts & {
  readonly store: string
  readonly seed: number
  readonly producers: readonly string[]
  readonly acknowledged: number
  readonly refused: number
  /** In the log at the end. */
  readonly records: number
  readonly lost: number
  readonly twice: number
  /** How often, in between, what groups had committed was compared with the log's end. */
  readonly looksAtCommits: number
  /** Requests of our own producers, and how many of them got no answer or one that tells nothing. */
  readonly tries: number
  readonly indeterminate: number
  /** From a kill to the first answer to something that was sent after it, by a producer that was connected. */
  readonly recoveryMs: { readonly p50: number; readonly p99: number; readonly most: number }
  /** The longest that a batch of ours waited for its acknowledgement, times without any server not counted. */
  readonly longestWaitMs: number
  readonly problems: readonly string[]
}

const topic = 'soak'
const partitions = 6
/** Nothing may take longer while there is a server. */
const hungAfterMs = 30_000
const progressEveryMs = 10_000

/** Real servers that are killed and stopped at random while clients produce and consume; what was told is compared with what is there. */
export const soak = async (options: SoakOptions): Promise<SoakReport> => {
  const store = await openStore(options.store)
  const random = new Random(options.seed)
  const servers: SoakServer[] = []
  for (let i = 0; i < store.servers; i++) {
    const ports = { kafkaPort: await freePort(), httpPort: await freePort() }
    servers.push(new SoakServer({ ...ports, environment: store.environment }))
  }
  const groups: SoakGroup[] = []
  const abandoned = new AbortController()
  const killAll = () => Promise.all([...servers, ...groups].map((each) => each.kill()))
  // Whoever ends this process ends all others that it has started.
  process.once('exit', killAll)
  try {
    return await soakServers(
      { options, servers, groups, random, abandoned, environment: store.environment },
      store.name,
    )
  } catch (cause) {
    const problems = servers.flatMap((server) => server.problems)
    throw new Error(`seed ${options.seed}, the soak itself has failed: ${cause}\n${problems.join('\n')}`, { cause })
  } finally {
    abandoned.abort()
    await killAll()
    process.off('exit', killAll)
    await store.close()
  }
}

type Soak = {
  readonly options: SoakOptions
  readonly servers: readonly SoakServer[]
  readonly groups: SoakGroup[]
  readonly random: Random
  readonly abandoned: AbortController
  readonly environment: Readonly<Record<string, string>>
}

const soakServers = async (soaking: Soak, storeName: string): Promise<SoakReport> => {
  const { options, servers, groups, random, abandoned, environment } = soaking
  const { records, everybody, progress = () => {} } = options
  const problems: string[] = []
  await Promise.all(servers.map((server) => server.start().ready))
  const ports = servers.map(({ kafkaPort }) => kafkaPort)
  const bootstraps = ports.map((port) => `127.0.0.1:${port}`)
  const bootstrap = bootstraps.join(',')
  await createTopic(bootstraps[0] ?? '', { topic, partitions, configs: { 'wadi.shards': '2' } })

  const upTime = new UpTime(servers)
  const chaos = new Chaos({ ...options, servers, groups, random: new Random(options.seed ^ 0x5eed) })
  let told = 0
  let longestWaitMs = 0
  const pace = (): Pace => {
    if (chaos.isOver && told >= records) return 'end'
    // Records are spread over the faults: what is left is sent when these are over.
    return chaos.isOver || chaos.isWaiting || told < records * (chaos.share + aheadShare) ? 'go' : 'wait'
  }
  const raw = ['a', 'b', 'plain'].map((name) => {
    const producer = new RawProducer({
      ...{ name, topic, partitions, ports, pace, abandoned: abandoned.signal },
      kind: name === 'plain' ? 'plain' : 'idempotent',
      random: new Random(random.int(2 ** 31)),
      onAcknowledged: (answer) => {
        told += answer.records
        chaos.acknowledged(answer)
        longestWaitMs = Math.max(longestWaitMs, upTime.since(answer.firstSentMs))
      },
    })
    chaos.producers.push(producer)
    return producer
  })
  const stockOptions = { bootstrap, topic, partitions, seed: random.int(2 ** 31), pace, abandoned: abandoned.signal }
  const stock = [
    kafkaJsProducer(stockOptions),
    ...(everybody ? [kcatProducer(stockOptions), javaProducer({ ...stockOptions, perSecond: 25 })] : []),
  ].filter((producer) => producer !== undefined)
  groups.push(new SoakGroup({ kind: 'kafkajs', bootstrap, topic, members: 2 }))
  if (everybody) groups.push(new SoakGroup({ kind: 'platformatic-consumer', bootstrap, topic, members: 2 }))

  const commits = watchCommits({ bootstraps, topic, groups })
  const telling = setInterval(() => progress(`${chaos.summary()}, ${told} records acknowledged`), progressEveryMs)
  const producing = Promise.all([...raw, ...stock].map((producer) => producer.run()))
  try {
    await chaos.run()
    const isDone = await Promise.race([producing.then(() => true), pause(finishTimeoutMs, false)])
    if (!isDone) problems.push(`producers have not ended ${finishTimeoutMs / 1000} s after the last fault`)
    abandoned.abort()
    await producing
  } finally {
    clearInterval(telling)
    upTime.stop()
    await commits.stop()
  }

  await restart(servers)
  const log = await fetchTopic(bootstraps[0] ?? '', topic)
  const consumptions = await conclude(groups, log, { bootstrap: bootstraps[0] ?? '', problems })
  const judged = judge([...raw, ...stock], log, consumptions)
  await Promise.all(servers.map((server) => server.kill()))
  const audited = await auditDeep(environment)
  if (longestWaitMs > hungAfterMs) problems.push(`hung: a batch waited ${Math.round(longestWaitMs)} ms`)
  const sum = (count: (producer: RawProducer) => number) => raw.reduce((total, producer) => total + count(producer), 0)
  return {
    ...chaos.counts,
    ...{ store: storeName, seed: options.seed, producers: [...raw, ...stock].map(({ name }) => name) },
    acknowledged: [...raw, ...stock].reduce((total, { acknowledged }) => total + acknowledged.size, 0),
    refused: sum(({ refused }) => refused.size),
    ...{ records: judged.records, lost: judged.lost, twice: judged.twice },
    looksAtCommits: commits.looks(),
    tries: sum(({ tries }) => tries),
    indeterminate: sum(({ indeterminate }) => indeterminate),
    recoveryMs: chaos.recovery(),
    longestWaitMs,
    problems: [
      ...problems,
      ...chaos.problems,
      ...commits.problems,
      ...[...servers, ...raw, ...stock].flatMap((each) => each.problems),
      ...judged.problems,
      ...audited,
    ],
  }
}

/** What is read from now on comes from the stores, and from nobody's memory. */
const restart = async (servers: readonly SoakServer[]): Promise<void> => {
  for (const server of servers) {
    await server.kill()
    await server.start().ready
  }
}

type Conclusion = { readonly bootstrap: string; readonly problems: string[] }

/** Lets groups consume to the end of the log, and ends them. */
const conclude = async (
  groups: readonly SoakGroup[],
  log: readonly Stored[],
  { bootstrap, problems }: Conclusion,
): Promise<readonly Consumption[]> => {
  const ends = new Map(log.map(({ partition, offset }) => [partition, Number(offset) + 1]))
  const committedBy = async (groupId: string): Promise<ReadonlyMap<number, number>> => {
    const found = await withAdmin(bootstrap, (admin) => admin.fetchOffsets({ groupId, topics: [topic] }))
    return new Map((found[0]?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)]))
  }
  const consumptions: Consumption[] = []
  for (const group of groups) {
    const isAll = async () => {
      const committed = await committedBy(group.name)
      return [...ends].every(([partition, end]) => (committed.get(partition) ?? 0) >= end)
    }
    await until(`${group.name} has committed everything`, isAll, true, finishTimeoutMs).catch((error) =>
      problems.push(`hung: ${error.message}`),
    )
    await group.leave()
    consumptions.push({ group: group.name, processed: group.processed, committed: await committedBy(group.name) })
  }
  return consumptions
}

/** So much of all records may be acknowledged before the faults that belong to them. */
const aheadShare = 0.02
const finishTimeoutMs = 60_000
