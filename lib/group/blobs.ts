import { groupObjectKey, groupPrefix } from '../store/keys.ts'
import type { Objects } from '../store/objects.ts'

/** Bytes of members that a document holds itself; beyond, the largest become objects. */
const maxInlineBytes = 100 * 1024
/** Smaller bytes stay where they are: the key of an object is about as long. */
const minObjectBytes = 100
/** Bytes of objects that an instance remembers; they never change. */
const maxRememberedBytes = 32 * 1024 * 1024

/** What members say and are told, where it is too large for the group's document. */
export class Blobs {
  readonly #objects: Objects
  /** By key, the least recently used first. */
  readonly #remembered = new Map<string, Buffer>()
  #rememberedBytes = 0
  /** Which object of the present document bytes were read from. */
  readonly #places = new WeakMap<Buffer, string>()

  constructor(objects: Objects) {
    this.#objects = objects
  }

  async read(key: string): Promise<Buffer> {
    const known = this.#remembered.get(key)
    if (known !== undefined) {
      this.#remembered.delete(key)
      this.#remembered.set(key, known)
      return known
    }
    const bytes = await this.#objects.read(key)
    this.#remember(key, bytes)
    return bytes
  }

  /**
   * Where bytes are, or undefined for those that belong into the document. New objects carry the version that the document
   * is replaced at: once it has another, an object with an older version that it does not name is never named again.
   */
  async place(
    blobs: readonly Buffer[],
    { life, version, randomId }: { readonly life: string; readonly version: number; readonly randomId: () => string },
  ): Promise<(bytes: Buffer) => string | undefined> {
    const places = new Map<Buffer, string>()
    let inlineBytes = 0
    for (const bytes of blobs) {
      const place = this.#places.get(bytes)
      if (place === undefined) inlineBytes += bytes.length
      else places.set(bytes, place)
    }
    for (const bytes of blobs.toSorted((a, b) => b.length - a.length)) {
      if (inlineBytes <= maxInlineBytes || bytes.length < minObjectBytes) break
      if (places.has(bytes)) continue
      const key = groupObjectKey(life, version, randomId())
      await this.#objects.putIfAbsent(key, [bytes])
      places.set(bytes, key)
      inlineBytes -= bytes.length
    }
    return (bytes) => places.get(bytes)
  }

  /** Deletes the objects of a group that were written for versions below this one and that it does not name. */
  async sweep(life: string, version: number, named: ReadonlySet<string>): Promise<void> {
    const prefix = groupPrefix(life)
    for (let after = ''; ; ) {
      const page = await this.#objects.list(prefix, after)
      for (const { key } of page) {
        const ticket = Number(key.slice(prefix.length, key.indexOf('-', prefix.length)))
        if (ticket < version && !named.has(key)) await this.#objects.delete(key)
      }
      const last = page.at(-1)
      if (last === undefined) return
      after = last.key
    }
  }

  #remember(key: string, bytes: Buffer): void {
    this.#remembered.set(key, bytes)
    this.#places.set(bytes, key)
    this.#rememberedBytes += bytes.length
    for (const [oldest, { length }] of this.#remembered) {
      if (this.#rememberedBytes <= maxRememberedBytes) break
      this.#remembered.delete(oldest)
      this.#rememberedBytes -= length
    }
  }
}
