import type { Items } from '../../lib/store/items.ts'

export const fates = [
  'stops before its next look',
  'stops before its next write',
  'loses the answer to its next write',
  'loses its next write',
  'goes on',
] as const

/** What happens to the next call of one coordinator. */
export type Fate = (typeof fates)[number]

/** Between one coordinator and the items. */
export class Gate {
  #fate: Fate = 'goes on'
  #opened = Promise.withResolvers<void>()

  set(fate: Fate): void {
    this.#fate = fate
    this.#opened.resolve()
    if (fate.startsWith('stops')) this.#opened = Promise.withResolvers<void>()
  }

  async look<Answer>(read: () => Promise<Answer>): Promise<Answer> {
    if (this.#fate === 'stops before its next look') await this.#stop()
    return read()
  }

  async write<Outcome>(
    write: () => Promise<Outcome>,
  ): Promise<Outcome | { readonly outcome: 'unknown'; readonly cause: unknown }> {
    const fate = this.#fate
    if (fate === 'stops before its next write') await this.#stop()
    if (fate.startsWith('loses')) this.#fate = 'goes on'
    if (fate === 'loses its next write') return { outcome: 'unknown', cause: 'not sent' }
    const outcome = await write()
    return fate === 'loses the answer to its next write' ? { outcome: 'unknown', cause: 'no answer' } : outcome
  }

  /** One call stands still; those that come after it go on. */
  #stop(): Promise<void> {
    this.#fate = 'goes on'
    return this.#opened.promise
  }
}

/** Items as one coordinator sees them. */
export const gated = (items: Items): { readonly items: Items; readonly gate: Gate } => {
  const gate = new Gate()
  return {
    gate,
    items: {
      ...items,
      get: (key, options) => gate.look(() => items.get(key, options)),
      putIfAbsent: (key, item) => gate.write(() => items.putIfAbsent(key, item)),
      replace: (key, item, version) => gate.write(() => items.replace(key, item, version)),
    },
  }
}
