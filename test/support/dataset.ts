import { readFileSync } from 'node:fs'

/** A record as a data set has it; text as bytes, one character each (latin1), so that nothing is lost on the way. */
export type DataRecord = { readonly key: string; readonly value: string }

/**
 * The 200,000 flights of `flights-200k.json` as they stand in the file, one record each. This file names no airports:
 * the key is the distance flown, which is the same for all flights of a route.
 */
export const flights = (): readonly DataRecord[] => flightsOf('flights-200k.json', /"distance":(\d+)/)

/** The 20,000 flights of `flights-20k.json`, which has airports: keyed by origin. */
export const flightsByOrigin = (): readonly DataRecord[] => flightsOf('flights-20k.json', /"origin":"([^"]+)"/)

/** The lines of `birdstrikes.csv`, which have no key, and its header. */
export const birdstrikes = (): readonly string[] => read('birdstrikes.csv').trimEnd().split('\n')

/** For each key its values in their order, keys sorted: equal exactly when nothing is lost, doubled, changed or out of order. */
export const valuesByKey = (records: Iterable<DataRecord>): ReadonlyMap<string, readonly string[]> => {
  const values = new Map<string, string[]>()
  for (const { key, value } of records) {
    const known = values.get(key)
    if (known === undefined) values.set(key, [value])
    else known.push(value)
  }
  return new Map([...values].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

const flightsOf = (file: string, keyPattern: RegExp): readonly DataRecord[] =>
  read(file)
    .trim()
    .slice(2, -2)
    .split('},{')
    .map((fields) => {
      const key = keyPattern.exec(fields)?.[1]
      if (key === undefined) throw new Error(`A flight without its key in ${file}: ${fields}`)
      return { key, value: `{${fields}}` }
    })

/** Beside the package's entry, because its `exports` name no data files. */
const read = (file: string): string =>
  readFileSync(new URL(`../data/${file}`, import.meta.resolve('vega-datasets')), 'latin1')
