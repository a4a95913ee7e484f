import type { Socket } from 'node:net'

export type SocketOptions = {
  /** Of the API, as the stack prints it (`ApiUrl`). */
  readonly url: string
  /** Where the API has keys: a token, alone or as `name:token`. */
  readonly apiKey?: string
  /** The headers that prove who asks, for anything else: AWS signatures, tokens of an identity provider. */
  readonly credential?: (request: {
    readonly url: string
    readonly body: Buffer
  }) => Promise<Readonly<Record<string, string>>>
}

/**
 * KafkaJS without TCP: a `socketFactory` whose sockets post Kafka's frames to Wadi's API over HTTPS.
 *
 *     new Kafka({ brokers: ['wadi:9092'], socketFactory: wadiSockets({ url, apiKey }) })
 */
export const wadiSockets: (
  options: SocketOptions,
) => (address: { host: string; port: number; onConnect: () => void }) => Socket
