/**
 * Bytes of requests that all connections together may hold. Whoever asks for more than is left has to stop reading and
 * is called, in the order of asking, when others have given back enough: nothing is dropped, and because a frame is
 * reserved whole before it is read, those who hold something can always finish.
 */
export class Memory {
  readonly #limitBytes: number
  readonly #holders = new Map<object, number>()
  readonly #refused = new Map<object, () => void>()
  #heldBytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Somebody had to stop reading because of the others. */
  get isShort(): boolean {
    return this.#refused.size > 0
  }

  /** From now on the holder has `bytes` instead of what it had; false, and nothing changes, when that is too much now. */
  hold(holder: object, bytes: number, tryAgain: () => void): boolean {
    const before = this.#holders.get(holder) ?? 0
    const moreBytes = bytes - before
    if (moreBytes > 0 && !this.#hasRoomFor(holder, moreBytes, before)) {
      if (!this.#refused.has(holder)) this.#refused.set(holder, tryAgain)
      return false
    }
    this.#refused.delete(holder)
    this.#heldBytes += moreBytes
    if (bytes === 0) this.#holders.delete(holder)
    else this.#holders.set(holder, bytes)
    if (moreBytes < 0) this.#callRefused()
    return true
  }

  /** Whoever waits longest goes first, or a large frame would wait for ever among small ones. One who is alone may hold anything. */
  #hasRoomFor(holder: object, moreBytes: number, before: number): boolean {
    const [first] = this.#refused.keys()
    if (first !== undefined && first !== holder) return false
    return this.#heldBytes + moreBytes <= this.#limitBytes || this.#heldBytes === before
  }

  #callRefused(): void {
    for (let next = this.#first(); next !== undefined; next = this.#first()) {
      const [holder, tryAgain] = next
      tryAgain()
      if (this.#refused.has(holder)) return
    }
  }

  #first(): readonly [object, () => void] | undefined {
    const [first] = this.#refused
    return first
  }
}
