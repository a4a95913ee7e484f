import { documentFrom, type Shape } from './document-shape.ts'
import type { ItemKey, Items, NewItem } from './items.ts'

/** Time and chance for `stepDocument`. */
export type Pace = {
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly random: () => number
  readonly randomId: () => string
}

/** What a step makes of a document: the next value, or nothing to store. */
export type Step<Value, Answer> = { readonly next: Value | undefined; readonly answer: Answer }

/** The first pause after a conflict or a lost answer is at most this long, each further one at most twice as long. */
const firstPauseMs = 10
const longestPauseMs = 1000

/** Whether the document was stored is not known, and the time is up. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown'
}

/**
 * Reads a JSON document, asks `step` for the next one and stores it under its version; again after a conflict, when
 * somebody else's document is the one to step from. A step must be safe to repeat: after a lost answer it may be asked
 * again with a document that holds its own earlier result. Throws `OutcomeUnknown` when the time is up, and
 * `DamagedDocument` for one that is no JSON or has not the shape.
 */
export const stepDocument = async <Value, Answer>(
  items: Items,
  pace: Pace,
  key: ItemKey,
  step: (current: Value | undefined) => Step<Value, Answer>,
  untilMs: number,
  shape?: Shape,
): Promise<Answer> => {
  for (let limitMs = firstPauseMs; ; limitMs = Math.min(limitMs * 2, longestPauseMs)) {
    const current = await items.get(key, { consistent: true })
    const { next, answer } = step(current && documentFrom(current.body, `${key.partition}/${key.sort}`, shape))
    if (next === undefined) return answer
    const item = { attempt: pace.randomId(), body: Buffer.from(JSON.stringify(next)) }
    if (await isStored(items, key, item, current?.version)) return answer
    const pauseMs = pace.random() * limitMs
    if (pace.now() + pauseMs > untilMs) throw new OutcomeUnknown(`no answer about ${key.partition}/${key.sort}`)
    await pace.sleep(pauseMs)
  }
}

const isStored = async (items: Items, key: ItemKey, item: NewItem, version: number | undefined): Promise<boolean> => {
  if (version === undefined) {
    const put = await items.putIfAbsent(key, item)
    return put.outcome === 'stored' || (put.outcome === 'taken' && put.by.attempt === item.attempt)
  }
  const replaced = await items.replace(key, item, version)
  return (
    replaced.outcome === 'stored' || (replaced.outcome === 'conflict' && replaced.current?.attempt === item.attempt)
  )
}

/** All items of a partition, page by page, as JSON. Throws `DamagedDocument` like `stepDocument`. */
export async function* documentsOf<Value>(
  items: Items,
  partition: string,
  shape?: Shape,
): AsyncGenerator<readonly [string, Value]> {
  let after = ''
  for (;;) {
    const page = await items.query(partition, { after, before: '\uffff', limit: 1000, consistent: true })
    for (const item of page.items) yield [item.sort, documentFrom<Value>(item.body, `${partition}/${item.sort}`, shape)]
    after = page.items.at(-1)?.sort ?? after
    if (page.end) return
  }
}
