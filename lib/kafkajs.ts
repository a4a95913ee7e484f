import type { Socket } from 'node:net'
import { keyHeaders } from './api-key.ts'
import { realClock } from './clock.ts'
import { inProcessGateway } from './gateway/in-process.ts'
import { type Credential, Remote } from './gateway/remote.ts'
import { pricedCalls } from './gateway/wait.ts'

export type SocketOptions = {
  /** Of the API, as the stack prints it (`ApiUrl`). */
  readonly url: string
  /** Where the API has keys: a token, alone or as `name:token`. */
  readonly apiKey?: string
  /** The headers that prove who asks, for anything else: AWS signatures, tokens of an identity provider. */
  readonly credential?: Credential
}

/**
 * KafkaJS without TCP: a `socketFactory` whose sockets post Kafka's frames to Wadi's API over HTTPS.
 *
 *     new Kafka({ brokers: ['wadi:9092'], socketFactory: wadiSockets({ url, apiKey }) })
 *
 * The broker's name and port mean nothing; they only have to be there. Errors of the API close the socket, and KafkaJS
 * tries again as its `retry` says; why is written to stderr.
 */
export const wadiSockets = ({ url, apiKey, credential }: SocketOptions) => {
  const remote = new Remote({ url, timer: realClock, random: realClock.random })
  const connect = inProcessGateway({
    broker: remote.brokerFor(credential ?? keyCredential(apiKey)),
    watch: remote.watch,
    timer: realClock,
    ...pricedCalls,
    log: (line) => process.stderr.write(`${line}\n`),
    limits: { maxProduceCalls: 1 },
  })
  return ({ host, port, onConnect }: { host: string; port: number; onConnect: () => void }): Socket => {
    const stream = connect({ advertised: { host, port }, clientAddress: 'in-process' })
    process.nextTick(onConnect)
    // Reason for `as`: KafkaJS declares a socket, and calls of it nothing but what a stream has, and `unref`.
    return Object.assign(stream, { unref: () => stream }) as unknown as Socket
  }
}

/** `authorization` for a key, or nothing for an API that asks for none. */
export const keyCredential = (apiKey: string | undefined): Credential => {
  const headers = keyHeaders(apiKey)
  return async () => headers
}
