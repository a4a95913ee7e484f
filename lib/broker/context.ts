import type { Groups } from '../group/groups.ts'
import type { LogBytes } from '../journal/bytes.ts'
import type { Clock } from '../journal/clock.ts'
import type { Leadership } from '../journal/leadership.ts'
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
  /** Who answers. Alone it leads every partition, under the address that the client used. */
  readonly nodeId: number
  /** Where several gateways share the stores: this one's part. Its id and address then stand for those above. */
  readonly leadership?: Leadership
  /** The availability zone, or null. */
  readonly rack: string | null
  /** Takes what a person should see: errors that no client caused. */
  readonly log: (line: string) => void
}

export type BrokerLimits = {
  /** Record bytes in one answer to Fetch; a first batch that is larger is sent all the same, if there is a way. */
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
  /** Record bytes for which there is room in the reply; infinite where the way back has no limit. */
  readonly roomBytes: number
  /** What the client calls itself. */
  readonly clientId: string | null
}

/** What stands beside the records in an answer to Fetch: some hundred bytes for each partition. */
const fetchOverheadBytes = 100_000

/** Record bytes that one reply can carry over this connection when it is the only one. */
export const roomFor = ({ maxReplyBytes }: Connection): number =>
  maxReplyBytes === undefined ? Number.POSITIVE_INFINITY : maxReplyBytes - fetchOverheadBytes

export type Handler<A extends Api> = (request: RequestOf<A>, call: Call) => Promise<ResponseInput<A>>
