import type { Groups } from '../group/groups.ts'
import type { LogBytes } from '../journal/bytes.ts'
import type { Clock } from '../journal/clock.ts'
import type { Logs } from '../journal/logs.ts'
import type { ProducerIds } from '../journal/producer-ids.ts'
import type { Topics } from '../journal/topics.ts'
import type { Api, RequestOf, ResponseInput } from '../protocol/declare.ts'
import type { Items } from '../store/items.ts'
import type { Connection } from './broker.ts'

/** What a broker is made of. */
export type BrokerContext = {
  readonly topics: Topics
  readonly logs: Logs
  readonly bytes: LogBytes
  readonly groups: Groups
  readonly items: Items
  readonly clock: Clock
  readonly limits: BrokerLimits
  readonly defaults: BrokerDefaults
  /** There is one node: it leads every partition, under the address that the client used. */
  readonly nodeId: number
  /** The availability zone, or null. */
  readonly rack: string | null
  /** Takes what a person should see: errors that no client caused. */
  readonly log: (line: string) => void
}

export type BrokerLimits = {
  /** Record bytes in one answer to Fetch; a first batch that is larger is sent all the same. */
  readonly maxFetchBytes: number
  /** A Produce request is answered REQUEST_TIMED_OUT after this, even if the client would wait longer. */
  readonly maxProduceMs: number
  /** The same for what administrators ask for. */
  readonly maxChangeMs: number
}

export const defaultLimits: BrokerLimits = {
  maxFetchBytes: 16 * 1024 * 1024,
  maxProduceMs: 20_000,
  maxChangeMs: 20_000,
}

/** What holds where a client says nothing. */
type BrokerDefaults = {
  /** Whether asking for the metadata of a topic creates it. */
  readonly autoCreateTopics: boolean
  readonly numPartitions: number
}

/** What a handler is given besides the request. */
export type Call = BrokerContext & {
  readonly producerIds: ProducerIds
  readonly clusterId: () => Promise<string>
  readonly connection: Connection
  readonly version: number
  /** What the client calls itself. */
  readonly clientId: string | null
}

export type Handler<A extends Api> = (request: RequestOf<A>, call: Call) => Promise<ResponseInput<A>>
