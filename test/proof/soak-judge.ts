/** What a producer was told about the records it sent. Its records are numbered from 0 in the order in which it made them. */
export type Ledger = {
  readonly name: string
  /** `idempotent`: each acknowledged record is there once. `plain`: at least once. */
  readonly kind: 'idempotent' | 'plain'
  /** Records it made so far. */
  readonly made: number
  /** Acknowledged ones, with the place that the answer told, if it told one. */
  readonly acknowledged: ReadonlyMap<number, Place | undefined>
  /** Those that were, or must be, refused for certain. */
  readonly refused: ReadonlySet<number>
}

export type Place = { readonly partition: number; readonly offset: bigint }

/** A record as the log has it at the end. */
export type Stored = Place & { readonly key: string | undefined; readonly value: string | undefined }

/** What a group was given, and what it has committed at the end. */
export type Consumption = {
  readonly group: string
  readonly processed: readonly { readonly partition: number; readonly offset: number; readonly value: string }[]
  readonly committed: ReadonlyMap<number, number>
}

export type Judgement = {
  readonly records: number
  readonly lost: number
  readonly twice: number
  /** One line each; of many of a kind the first. */
  readonly problems: readonly string[]
}

/** The value of a record: who made it, which of its records it is, and something to make it longer. */
export const recordValue = (producer: string, number: number, padding = ''): string =>
  `${producer}.${number}.${padding}`

/** Compares what clients were told with what is in the log. The records of a partition come in the order of its log. */
export const judge = (
  ledgers: readonly Ledger[],
  log: readonly Stored[],
  consumptions: readonly Consumption[] = [],
): Judgement => {
  const problems = new Findings()
  const places = placesIn(log, ledgers, problems)
  judgeOffsets(log, problems)
  let [lost, twice] = [0, 0]
  for (const ledger of ledgers) {
    const found = places.get(ledger.name) ?? new Map<number, readonly Place[]>()
    for (const [number, told] of ledger.acknowledged) {
      const at = found.get(number) ?? []
      if (at.length === 0) {
        lost += 1
        problems.add('lost', `${ledger.name}.${number} was acknowledged at ${textOf(told)} and is not there`)
      } else if (told !== undefined && !at.some((place) => isSame(place, told))) {
        problems.add(
          'wrong offset',
          `${ledger.name}.${number} was answered with ${textOf(told)}, it is at ${textOf(at[0])}`,
        )
      }
    }
    for (const [number, at] of found) {
      if (ledger.refused.has(number)) problems.add('refused but there', `${ledger.name}.${number} at ${textOf(at[0])}`)
      if (number >= ledger.made) problems.add('never sent', `${ledger.name}.${number} at ${textOf(at[0])}`)
      if (ledger.kind === 'plain' || at.length === 1) continue
      twice += 1
      problems.add('twice', `${ledger.name}.${number} at ${at.map(textOf).join(' and ')}`)
    }
  }
  judgeOrder(log, problems)
  for (const consumption of consumptions) judgeConsumption(consumption, log, problems)
  return { records: log.length, lost, twice, problems: problems.lines() }
}

/** Where each producer's records are, by their numbers. */
const placesIn = (log: readonly Stored[], ledgers: readonly Ledger[], problems: Findings) => {
  const places = new Map(ledgers.map(({ name }) => [name, new Map<number, Place[]>()]))
  for (const record of log) {
    const made = madeBy(record.value)
    const ofProducer = made && places.get(made.producer)
    if (made === undefined || ofProducer === undefined) {
      problems.add('never sent', `"${record.value}" at ${textOf(record)}`)
      continue
    }
    const known = ofProducer.get(made.number)
    if (known) known.push(record)
    else ofProducer.set(made.number, [record])
  }
  return places
}

const judgeOffsets = (log: readonly Stored[], problems: Findings): void => {
  const next = new Map<number, bigint>()
  for (const { partition, offset } of log) {
    const expected = next.get(partition) ?? 0n
    if (offset !== expected) problems.add('offsets', `${partition}@${offset} follows ${partition}@${expected - 1n}`)
    next.set(partition, offset + 1n)
  }
}

/** The records of a producer and key stand in the order in which they were made; of one that is there again the first counts. */
const judgeOrder = (log: readonly Stored[], problems: Findings): void => {
  const last = new Map<string, number>()
  const seen = new Set<string>()
  for (const record of log) {
    const made = madeBy(record.value)
    if (made === undefined) continue
    const name = `${made.producer}.${made.number}`
    if (seen.has(name)) continue
    seen.add(name)
    const stream = `${made.producer}/${record.key}`
    const before = last.get(stream) ?? -1
    if (made.number < before)
      problems.add('order', `${name} at ${textOf(record)} comes after ${made.producer}.${before}, key ${record.key}`)
    last.set(stream, Math.max(before, made.number))
  }
}

const judgeConsumption = ({ group, processed, committed }: Consumption, log: readonly Stored[], problems: Findings) => {
  const values = new Map(log.map((record) => [textOf(record), record.value]))
  const given = new Set<string>()
  for (const { partition, offset, value } of processed) {
    const place = textOf({ partition, offset: BigInt(offset) })
    given.add(place)
    if (values.get(place) !== value)
      problems.add('wrong record', `${group} was given "${value}" at ${place}, there is "${values.get(place)}"`)
  }
  for (const place of values.keys()) {
    if (!given.has(place)) problems.add('skipped', `${group} was never given ${place}`)
  }
  const ends = new Map<number, number>()
  for (const { partition, offset } of log) ends.set(partition, Number(offset) + 1)
  for (const [partition, end] of ends) {
    const offset = committed.get(partition)
    if (offset !== end)
      problems.add('committed', `${group} has committed ${offset} of ${end} in partition ${partition}`)
  }
}

const madeBy = (value: string | undefined): { readonly producer: string; readonly number: number } | undefined => {
  const [, producer, number] = /^([^.]+)\.(\d+)(?:\.|$)/.exec(value ?? '') ?? []
  return producer === undefined ? undefined : { producer, number: Number(number) }
}

const isSame = (a: Place, b: Place): boolean => a.partition === b.partition && a.offset === b.offset

const textOf = (place: Place | undefined): string =>
  place ? `${place.partition}@${place.offset}` : 'an unknown offset'

/** Problems by their kind: how many there are, and what the first of them is. */
class Findings {
  readonly #kinds = new Map<string, { readonly first: string; readonly count: number }>()

  add(kind: string, what: string): void {
    const known = this.#kinds.get(kind)
    this.#kinds.set(kind, { first: known?.first ?? what, count: (known?.count ?? 0) + 1 })
  }

  lines(): readonly string[] {
    return [...this.#kinds].map(([kind, { first, count }]) => `${kind}, ${count} times: ${first}`)
  }
}
