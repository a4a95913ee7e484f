import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { against } from './server.ts'

const folder = new URL('../clients/golden/', import.meta.url)

/**
 * Compares with what Apache Kafka's own broker made the same program print. It is asked again with
 * `WADI_TEST_AGAINST=kafka WADI_GOLDEN=write`.
 */
export const expectGolden = (name: string, text: string): void => {
  const file = new URL(`${name}.txt`, folder)
  if (process.env['WADI_GOLDEN'] === 'write') {
    if (against !== 'kafka') throw new Error('WADI_GOLDEN=write needs WADI_TEST_AGAINST=kafka: it is the oracle')
    writeFileSync(file, text)
  }
  expect(text).toBe(readFileSync(file, 'utf8'))
}
