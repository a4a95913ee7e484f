import { readFileSync } from 'node:fs'
import type { Hono } from 'hono'
import type { Problem } from '../http/problem.ts'
import { CommandError } from './failures.ts'

/** A topic to begin with, and what `PUT /v1/topics/{topic}` is given for it. */
export type Seed = { readonly topic: string; readonly wanted: unknown }

/** Topics by name in a JSON file. Throws `CommandError`. */
export const seedFrom = (file: string): readonly Seed[] => {
  try {
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof content !== 'object' || content === null || Array.isArray(content)) throw new Error('it is no object')
    return Object.entries(content).map(([topic, wanted]) => ({ topic, wanted }))
  } catch (error) {
    const why = error instanceof Error ? error.message : error
    throw new CommandError(`--seed ${file} cannot be read: ${why}: it must be { "<topic>": { "partitions": 3 } }`)
  }
}

/** Makes the topics that are not there; tells of those that are there and differ. Throws `CommandError`. */
export const seedTopics = async (api: Hono, seed: readonly Seed[], log: (line: string) => void): Promise<void> => {
  for (const { topic, wanted } of seed) {
    const answer = await api.request(`/v1/topics/${encodeURIComponent(topic)}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(wanted),
    })
    if (answer.ok) continue
    const { code, detail, errors = [] }: Problem = JSON.parse(await answer.text())
    const placed = errors.map(({ path, message }) => `; ${path}: ${message}`).join('')
    const told = `--seed: the topic "${topic}": ${detail}${placed}`
    if (code !== 'TOPIC_DIFFERS') throw new CommandError(told)
    log(`${told}; it stays as it is`)
  }
}
