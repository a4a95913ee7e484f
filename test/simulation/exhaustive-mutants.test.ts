import { expect, test } from 'vitest'
import { counterexample, summaryOf } from './exhaustive-search.ts'
import { stories } from './exhaustive-stories.ts'

/** A story that is longer explains nothing. */
const maxSteps = 20

const isTold = process.env['WADI_EXHAUSTIVE'] === 'full'

test.each(Object.values(stories))('it goes wrong when $says', async ({ says, model, removal }) => {
  const found = await counterexample(model, removal)
  const story = found.story ?? []
  if (isTold)
    process.stdout.write(`${summaryOf(says, found)}\n${story.map((step, i) => `  ${i + 1}. ${step}\n`).join('')}`)
  // The last line says what went wrong, the others are steps.
  expect(story.length).toBeGreaterThan(1)
  expect(story.length - 1).toBeLessThanOrEqual(maxSteps)
})
