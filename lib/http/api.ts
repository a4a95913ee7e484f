import type { BrokerContext, Call } from '../broker/context.ts'
import { clusterIdOf } from '../journal/cluster.ts'
import { ProducerIds } from '../journal/producer-ids.ts'
import type { Growth } from './growth.ts'
import type { Route } from './route.ts'

/** What the routes are made of. */
export type HttpApi = {
  readonly version: string
  /** Of the server itself: every app has them. */
  readonly serverRoutes: readonly Route[]
  /** As the broker's handlers want it, in the newest version of every API. */
  readonly call: Call
  /** How to wait for records; undefined where waiting is paid by the second: reads then answer at once. */
  readonly growth: Growth | undefined
  /** Aborted when the server stops: streams end. */
  readonly stopping: AbortSignal
  /** A stream ends itself after this, before a door would cut it. */
  readonly maxStreamMs: number
  /** What the door carries as one answer. */
  readonly maxAnswerBytes: number
}

/** Some routes of one kind: a function mounts those it is for, and its bundle has no others. */
export type Part = (api: HttpApi) => readonly Route[]

/** Above every version of every API: whatever a newer client may ask is allowed. */
const newestVersion = 32767

/** What a broker's handlers are given when a request comes over HTTP. */
export const callOf = (context: BrokerContext): Call => {
  let clusterIdKnown: Promise<string> | undefined
  return {
    ...context,
    producerIds: new ProducerIds(context.items, context.clock),
    clusterId: () => {
      clusterIdKnown ??= clusterIdOf(context.items, context.clock).catch((error) => {
        clusterIdKnown = undefined
        throw error
      })
      return clusterIdKnown
    },
    connection: { advertised: { host: '', port: 0 }, clientAddress: '' },
    version: newestVersion,
    roomBytes: Number.POSITIVE_INFINITY,
    clientId: 'http',
  }
}
