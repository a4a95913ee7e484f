/**
 * Kafka in one type: request frames go in (without their four-byte sizes), their replies come out, one for each, in the
 * same order, as buffers to be written one after the other (with their sizes). A reply is empty where Kafka sends none
 * (acks=0). In process, behind TCP, behind HTTPS: the same value. It never waits for records: fetches answer at once.
 * Throws for a frame that cannot be answered: the connection is to be closed.
 */
export type Broker = (frames: readonly Buffer[], connection: Connection) => Promise<readonly Reply[]>

export type Reply = readonly Buffer[]

/** What a request's surroundings are. */
export type Connection = {
  /** Where clients reach this broker: what Metadata advertises. */
  readonly advertised: { readonly host: string; readonly port: number }
  readonly clientAddress: string
  /** When nobody waits for the replies any more: handlers give up before. Without it their own limits hold. */
  readonly untilMs?: number
  /** What the replies of one call may take together, where the way back has a limit. */
  readonly maxReplyBytes?: number
}
