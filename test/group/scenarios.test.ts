import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { play } from './dialogue.ts'

/** With `WADI_SCENARIOS=write` what comes is written instead of compared; then read the difference. */
const writes = process.env['WADI_SCENARIOS'] === 'write'

const folder = fileURLToPath(new URL('scenarios/', import.meta.url))
const files = readdirSync(folder).filter((name) => name.endsWith('.txt'))

test('there are dialogues for everything that groups do', () => {
  expect(files.length).toBeGreaterThanOrEqual(25)
})

describe('a dialogue', () => {
  test.each(files)('%s', async (file) => {
    const written = readFileSync(folder + file, 'utf8')
    const played = await play(written)
    if (writes) writeFileSync(folder + file, played)
    else expect(played).toBe(written)
  })
})
