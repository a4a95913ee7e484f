/** One seeded generator for everything that is left to chance: the same seed gives the same numbers. */
export class Random {
  #a: number
  #b = 0x9e3779b9
  #c = 0x243f6a88
  #counter = 1

  constructor(seed: number) {
    this.#a = seed | 0
    for (let i = 0; i < 12; i++) this.#bits()
  }

  /** A number in [0, 1). */
  next(): number {
    return this.#bits() / 4294967296
  }

  /** A whole number in [0, below). */
  int(below: number): number {
    return Math.floor(this.next() * below)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low)
  }

  /** Between two positive numbers, every order of magnitude as likely as the next. */
  spread(low: number, high: number): number {
    return low * (high / low) ** this.next()
  }

  /** `exp(mu + sigma · N(0, 1))` */
  logNormal(mu: number, sigma: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
    return Math.exp(mu + sigma * normal)
  }

  pick<Element>(list: readonly [Element, ...(readonly Element[])]): Element {
    return list[this.int(list.length)] ?? list[0]
  }

  /** 16 characters of base64url. */
  id(): string {
    let id = ''
    for (let i = 0; i < 4; i++) {
      const bits = this.#bits()
      for (let shift = 0; shift < 24; shift += 6) id += alphabet.charAt((bits >>> shift) & 63)
    }
    return id
  }

  /** sfc32: small, fast, and good enough for every statistical test. */
  #bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
