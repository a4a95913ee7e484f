import { expect } from 'vitest'
import type { Finished } from '../../lib/bench/process.ts'
import { type DataRecord, valuesByKey } from './dataset.ts'
import { kcat, tryKcat } from './tools.ts'

/** Sends records with kcat, one line each: keys have no tab in them, values no line end. */
export const sendWithKcat = (
  to: { readonly bootstrap: string; readonly topic: string },
  records: readonly DataRecord[],
  args: readonly string[] = [],
): Promise<Finished> =>
  tryKcat(
    ['-P', '-b', to.bootstrap, '-t', to.topic, '-K', '\t', ...args],
    Buffer.from(records.map(({ key, value }) => `${key}\t${value}\n`).join(''), 'latin1'),
  )

/** Every record with kcat from the log's start to its end, partitions interleaved as they arrive. */
export const readWithKcat = async (bootstrap: string, topic: string): Promise<readonly DataRecord[]> => {
  const args = ['-C', '-b', bootstrap, '-t', topic, '-o', 'beginning', '-e', '-q', '-f', '%k\t%s\n']
  const lines = (await kcat(args)).toString('latin1').split('\n').slice(0, -1)
  return lines.map((line) => {
    const tab = line.indexOf('\t')
    return { key: line.slice(0, tab), value: line.slice(tab + 1) }
  })
}

/** Complete, byte for byte, and in order for each key. */
export const expectSameByKey = (actual: readonly DataRecord[], expected: readonly DataRecord[]): void => {
  expect(actual).toHaveLength(expected.length)
  const [is, should] = [valuesByKey(actual), valuesByKey(expected)]
  expect([...is.keys()]).toEqual([...should.keys()])
  // Joined, because comparing two strings is quick and a difference in 10 MB of records is unreadable anyway.
  for (const [key, values] of should) expect(is.get(key)?.join('\n') === values.join('\n'), `key ${key}`).toBe(true)
}
