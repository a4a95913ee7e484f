import { realClock } from '../clock.ts'
import type { Api, RequestInput, ResponseOf } from '../protocol/declare.ts'
import { errorName, errors } from '../protocol/errors.ts'
import { FindCoordinator } from '../protocol/messages/find-coordinator.ts'
import { Metadata } from '../protocol/messages/metadata.ts'
import {
  type Address,
  Disconnected,
  defaultRequestTimeoutMs,
  KafkaConnection,
  type Security,
  UnsupportedSetting,
} from './connection.ts'

export type TopicMetadata = ResponseOf<typeof Metadata>['topics'][number]
export type ClusterMetadata = ResponseOf<typeof Metadata>

/** How long one request may take, and how long something is tried. */
export type Timeouts = { readonly requestMs: number; readonly apiMs: number }

/** As Kafka's clients have them. Throws `UnsupportedSetting`. */
export const timeoutsFrom = (properties: ReadonlyMap<string, string>): Timeouts => {
  const read = (name: string, otherwiseMs: number): number => {
    const text = properties.get(name) ?? `${otherwiseMs}`
    if (/^\d{1,9}$/.test(text)) return Number(text)
    throw new UnsupportedSetting(`${name}=${text} is no number of milliseconds`)
  }
  return {
    requestMs: read('request.timeout.ms', defaultRequestTimeoutMs),
    apiMs: read('default.api.timeout.ms', 60_000),
  }
}

const firstPauseMs = 100
const maxPauseMs = 1000

/** Errors that pass by themselves, by their codes. */
const passing: ReadonlySet<number> = new Set([
  errors.LEADER_NOT_AVAILABLE,
  errors.NOT_LEADER_OR_FOLLOWER,
  errors.REQUEST_TIMED_OUT,
  errors.COORDINATOR_LOAD_IN_PROGRESS,
  errors.COORDINATOR_NOT_AVAILABLE,
  errors.NOT_COORDINATOR,
  errors.NETWORK_EXCEPTION,
  errors.NOT_CONTROLLER,
  errors.KAFKA_STORAGE_ERROR,
  errors.FENCED_LEADER_EPOCH,
  errors.UNKNOWN_LEADER_EPOCH,
])

export const isPassing = (errorCode: number): boolean => passing.has(errorCode)

/** Thrown by whoever gets such an error: it is asked again. */
export class Passing extends Error {
  override readonly name = 'Passing'
  readonly errorCode: number

  constructor(errorCode: number) {
    super(`a passing error, ${errorName(errorCode)}`)
    this.errorCode = errorCode
  }
}

/** Throws `Passing` where an answer has a passing error. */
export const requireSettled = (errorCode: number): void => {
  if (isPassing(errorCode)) throw new Passing(errorCode)
}

/** A cluster as a client of Kafka's protocol sees it. */
export class KafkaCluster {
  readonly #bootstrap: readonly Address[]
  readonly #security: Security
  readonly #clientId: string
  readonly #timeouts: Timeouts
  /** By the address, and by what they are for: whoever waits for records must not make heartbeats wait. */
  readonly #connections = new Map<string, Promise<KafkaConnection>>()
  #nodes = new Map<number, Address>()

  constructor(servers: string, security: Security, clientId: string, timeouts = timeoutsFrom(new Map())) {
    this.#bootstrap = servers.split(',').map(addressFrom)
    this.#security = security
    this.#clientId = clientId
    this.#timeouts = timeouts
  }

  async #connect(address: Address, purpose: string): Promise<KafkaConnection> {
    const key = `${address.host}:${address.port} ${purpose}`
    const known = this.#connections.get(key)
    if (known !== undefined) {
      const connection = await known
      if (connection.isOpen) return connection
    }
    const opening = KafkaConnection.open(address, this.#security, this.#clientId, this.#timeouts.requestMs)
    this.#connections.set(key, opening)
    opening.catch(() => this.#connections.delete(key))
    return opening
  }

  /** Any broker that answers. */
  async any(): Promise<KafkaConnection> {
    let failure: unknown
    for (const address of [...this.#bootstrap, ...this.#nodes.values()]) {
      try {
        return await this.#connect(address, '')
      } catch (error) {
        if (!(error instanceof Disconnected)) throw error
        failure = error
      }
    }
    throw failure
  }

  /** A node by its id; any, where it is not known. */
  async node(id: number, purpose = ''): Promise<KafkaConnection> {
    const address = this.#nodes.get(id)
    return address === undefined ? this.any() : this.#connect(address, purpose)
  }

  addressOf(id: number): Address | undefined {
    return this.#nodes.get(id)
  }

  async ask<A extends Api>(api: A, request: RequestInput<A>, maxVersion?: number): Promise<ResponseOf<A>> {
    return this.patiently(async () => (await this.any()).ask(api, request, { maxVersion }))
  }

  /** Of these topics, or of all; `creates` has the broker make those that are missing, if it does that. */
  async metadata(names: readonly string[] | null, creates = false): Promise<ClusterMetadata> {
    const topics = names?.map((name) => ({ topicId: noTopicId, name })) ?? null
    const answer = await this.ask(Metadata, { topics, allowAutoTopicCreation: creates })
    this.#nodes = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
    return answer
  }

  async coordinatorOf(groupId: string, purpose = ''): Promise<KafkaConnection> {
    return this.node(await this.coordinatorIdOf(groupId), purpose)
  }

  /** Also learns its address. */
  async coordinatorIdOf(groupId: string): Promise<number> {
    return this.patiently(async () => {
      const connection = await this.any()
      // Up to version 3 one key is asked for, afterwards several.
      const isOld = (connection.versionOf(FindCoordinator) ?? 0) < firstVersionWithSeveral
      const request = isOld ? { key: groupId } : { coordinatorKeys: [groupId] }
      const answer = await connection.ask(FindCoordinator, request)
      const [found = answer] = answer.coordinators
      requireSettled(found.errorCode)
      if (found.errorCode !== errors.NONE) throw new Refused(found.errorCode, found.errorMessage)
      this.#nodes.set(found.nodeId, { host: found.host, port: found.port })
      return found.nodeId
    })
  }

  /** Again and again, as long as what fails passes by itself. */
  async patiently<Result>(work: () => Promise<Result>, timeoutMs = this.#timeouts.apiMs): Promise<Result> {
    const untilMs = realClock.now() + timeoutMs
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(maxPauseMs, 2 * pauseMs)) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof Disconnected || error instanceof Passing)) throw error
        if (realClock.now() + pauseMs < untilMs) {
          await realClock.sleep(pauseMs)
          continue
        }
        throw error instanceof Passing ? new Refused(error.errorCode, null) : error
      }
    }
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.then((one) => one.close()).catch(() => {})
  }
}

const firstVersionWithSeveral = 4
const noTopicId = 'AAAAAAAAAAAAAAAAAAAAAA'

/** A broker has refused what it was asked. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly errorCode: number
  readonly brokerMessage: string | null

  constructor(errorCode: number, brokerMessage: string | null) {
    super(brokerMessage ?? errorName(errorCode))
    this.errorCode = errorCode
    this.brokerMessage = brokerMessage
  }
}

/** Throws `Passing`, `Refused`. */
export const requireNone = ({
  errorCode,
  errorMessage = null,
}: {
  readonly errorCode: number
  readonly errorMessage?: string | null
}): void => {
  requireSettled(errorCode)
  if (errorCode !== errors.NONE) throw new Refused(errorCode, errorMessage)
}

/** `host:port`, an IPv6 address in brackets. */
const addressFrom = (text: string): Address => {
  const found = /^(?:\w+:\/\/)?\[?([^\]]+?)\]?:(\d{1,5})$/.exec(text.trim())
  if (found === null) throw new UnsupportedSetting(`"${text}" is no host:port`)
  return { host: found[1] ?? '', port: Number(found[2]) }
}
