import { expect, test } from 'vitest'
import { Topics } from '../../lib/journal/topics.ts'
import type { Items } from '../../lib/store/items.ts'
import { memoryItems } from '../../lib/store/memory.ts'
import { FixedClock } from '../support/log.ts'

const wanted = (name: string) => ({ name, partitions: 1, shards: 1, configs: {} })

/** Topics over a store whose pages have one item each; `between` is done before every page but the first. */
const threeTopics = async (between: (topics: Topics, page: number) => unknown = () => {}) => {
  const memory = memoryItems()
  const clock = new FixedClock()
  for (const name of ['b', 'c', 'a']) await new Topics(memory, clock).create(wanted(name))
  let pages = 0
  const items: Items = {
    ...memory,
    query: async (partition, options) => {
      await new Promise((resolve) => setImmediate(resolve))
      if (pages > 0) await between(topics, pages)
      pages += 1
      return memory.query(partition, { ...options, limit: 1 })
    },
  }
  const topics: Topics = new Topics(items, clock)
  return { topics, pages: () => pages, names: async () => (await topics.all()).map(({ name }) => name) }
}

test('who asks for all topics while they are listed gets all of them, from the same listing', async () => {
  const asked: Promise<readonly string[]>[] = []
  const world = await threeTopics(() => asked.push(world.names()))
  expect(await world.names()).toEqual(['a', 'b', 'c'])
  expect(asked).toHaveLength(2)
  for (const names of await Promise.all(asked)) expect(names).toEqual(['a', 'b', 'c'])
  expect(world.pages()).toBe(3)
})

test('a topic that is created while all are listed leaves no half of a list behind', async () => {
  const { topics, names } = await threeTopics((one, page) => page === 2 && one.create(wanted('0')))
  const during = names()
  expect(await during).toEqual(['a', 'b', 'c'])
  expect(await names()).toEqual(['0', 'a', 'b', 'c'])
  expect(await topics.find('0')).toMatchObject({ name: '0' })
})

test('who has created a topic sees it in a list, although an older one is still being read', async () => {
  let released = () => {}
  const held = new Promise<void>((resolve) => {
    released = resolve
  })
  const { topics, names } = await threeTopics((_, page) => (page === 1 ? held : undefined))
  const older = names()
  await topics.create(wanted('0'))
  const newer = names()
  released()
  expect(await newer).toEqual(['0', 'a', 'b', 'c'])
  expect(await older).toContain('a')
})

test('what was read before a change here is not remembered after it', async () => {
  const memory = memoryItems()
  const clock = new FixedClock()
  const { topic } = await new Topics(memory, clock).create(wanted('t'))
  let isFirst = true
  const items: Items = {
    ...memory,
    get: async (key, options) => {
      const item = await memory.get(key, options)
      if (isFirst) {
        isFirst = false
        await topics.change(topic, (current) => ({ ...current, partitions: 2 }))
      }
      return item
    },
  }
  const topics: Topics = new Topics(items, clock)
  await topics.find('t')
  expect(await topics.find('t')).toMatchObject({ partitions: 2 })
})
