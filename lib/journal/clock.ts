/**
 * Time and chance, given from outside, so that a simulation decides both.
 * Wall-clock milliseconds: a suspended machine's time goes on. Used for ages and pauses only, never for order.
 */
export interface Clock {
  now(): number
  /** Resolves after about `ms`, or as soon as `wake` is aborted; 0 gives way to other work once. */
  sleep(ms: number, wake?: AbortSignal): Promise<void>
  /** A number in [0, 1). */
  random(): number
  /** 16 characters that nobody else draws: base64url of 96 random bits. */
  randomId(): string
}
