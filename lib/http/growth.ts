/** Tells when a topic is seen to grow. To be asked before reading, so that growth meanwhile is not missed. */
export type Growth = (topicId: string) => Listening

type Listening = {
  /** Resolves when the topic has grown since the last time, after `ms`, or when `stop` is aborted. */
  readonly grown: (ms: number, stop: AbortSignal) => Promise<void>
  readonly close: () => void
}

type Watch = (grown: (topicIdOrName: string) => void) => () => void
type Sleep = (ms: number, wake: AbortSignal) => Promise<void>

/** `watch` tells of growth that this process sees: whoever waits should look again by itself now and then. */
export const growthOf =
  (watch: Watch, sleep: Sleep): Growth =>
  (topicId) => {
    let bell = new AbortController()
    const close = watch((grown) => {
      if (grown === topicId) bell.abort()
    })
    return {
      grown: async (ms, stop) => {
        await sleep(ms, AbortSignal.any([bell.signal, stop]))
        if (bell.signal.aborted) bell = new AbortController()
      },
      close,
    }
  }
