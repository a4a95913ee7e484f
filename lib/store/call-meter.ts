/** Calls of functions and of the API before them, as AWS charges for them. */
export type CallCounts = {
  readonly functionCalls: number
  /** Memory times time, per started ms. */
  readonly functionGbSeconds: number
  /** Per started 512 KB of request and answer together. */
  readonly httpApiUnits: number
  readonly restApiUnits: number
  readonly requestBytes: number
  readonly replyBytes: number
  /** Beyond the first 6 MB of an answer that is streamed. */
  readonly streamedBytes: number
  /** What functions write to the log, beside what the platform does. */
  readonly logBytes: number
}

/** One call of a function. */
export type FunctionCall = {
  readonly ms: number
  readonly memoryMb: number
  /** What stands before the function: its own URL, an API, or nothing, as for a schedule. */
  readonly door: 'url' | 'http' | 'rest' | 'none'
  readonly requestBytes?: number
  readonly replyBytes?: number
  readonly isStreamed?: boolean
  readonly logBytes?: number
}

/** Counts calls that it is told of. */
export type CallMeter = {
  readonly called: (call: FunctionCall) => void
  /** A copy of the counts so far. */
  readonly counts: () => CallCounts
}

export const newCallMeter = (): CallMeter => {
  let counts: CallCounts = {
    functionCalls: 0,
    functionGbSeconds: 0,
    httpApiUnits: 0,
    restApiUnits: 0,
    requestBytes: 0,
    replyBytes: 0,
    streamedBytes: 0,
    logBytes: 0,
  }
  const called = ({
    ms,
    memoryMb,
    door,
    requestBytes = 0,
    replyBytes = 0,
    isStreamed = false,
    logBytes = 0,
  }: FunctionCall): void => {
    const units = Math.max(1, Math.ceil((requestBytes + replyBytes) / apiUnitBytes))
    counts = {
      functionCalls: counts.functionCalls + 1,
      functionGbSeconds: counts.functionGbSeconds + (Math.max(1, Math.ceil(ms)) / 1000) * (memoryMb / 1024),
      httpApiUnits: counts.httpApiUnits + (door === 'http' ? units : 0),
      // REST APIs do not look at sizes.
      restApiUnits: counts.restApiUnits + (door === 'rest' ? 1 : 0),
      requestBytes: counts.requestBytes + requestBytes,
      replyBytes: counts.replyBytes + replyBytes,
      streamedBytes: counts.streamedBytes + (isStreamed ? Math.max(0, replyBytes - streamFreeBytes) : 0),
      logBytes: counts.logBytes + logBytes,
    }
  }
  return { called, counts: () => counts }
}

const apiUnitBytes = 512 * 1024
const streamFreeBytes = 6 * 1024 * 1024
