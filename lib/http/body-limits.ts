/** What bodies may have on the way in and out. */
export type BodyLimits = {
  readonly maxRequestBytes: number
  /** Undefined: whatever it takes. */
  readonly maxReplyBytes?: number
}

/** Kafka's `socket.request.max.bytes`: on a server of one's own, bodies are as large as frames. */
export const serverBodyLimits: BodyLimits = { maxRequestBytes: 100 * 1024 * 1024 }

/** What the HTTP API answers there, whatever it is asked: six times as much, as a text may take as JSON, is a string still. */
export const maxServerAnswerBytes = 64 * 1024 * 1024

/** A function's event and its result, as JSON (Lambda docs: "Lambda quotas"). */
export const maxPayloadBytes = 6 * 1024 * 1024

/**
 * In a function both bodies are base64 in JSON, which takes a third more; what the door adds to them has room too.
 * Replies may be a little larger than requests: every batch that came in through a door goes out through one.
 */
export const functionBodyLimits = {
  maxRequestBytes: 4_500_000,
  maxReplyBytes: 4_700_000,
} as const satisfies BodyLimits
