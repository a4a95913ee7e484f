import * as z from 'zod/mini'
import type { HttpApi, Part } from './api.ts'
import { findTopic } from './find-topic.ts'
import { integerIn, noQuery, textUpTo, topicParams } from './parameters.ts'
import { type Route, route } from './route.ts'
import { describeTopic, measuredTopicSchema, measurePartitions, sumOf, topicListSchema } from './topic-answers.ts'
import { changeRoutes } from './topic-changes.ts'
import { trimRoute } from './topic-trim.ts'

const defaultLimit = 100
const maxLimit = 1000

/** Topics: listed, described, created, changed, deleted, trimmed. */
export const topicRoutes: Part = (api) => [listTopics(api), getTopic(api), ...changeRoutes(api), trimRoute(api)]

const listTopics = ({ call }: HttpApi): Route =>
  route({
    method: 'get',
    path: '/v1/topics',
    operationId: 'listTopics',
    summary: 'Lists topics in the order of their names.',
    tag: 'topics',
    params: z.strictObject({}),
    query: z.strictObject({
      prefix: textUpTo(249, 'Only topics whose names begin with this.', 'ord'),
      limit: integerIn(1, maxLimit, `Topics on a page, ${defaultLimit} by default.`, 10),
      cursor: textUpTo(400, 'The "next" of the page before.'),
    }),
    answers: {
      200: {
        description: 'A page of topics.',
        content: { 'application/json': topicListSchema },
        headers: { Link: 'rel="next": the next page, where there is one.' },
      },
    },
    examples: [{ path: '/v1/topics?prefix=ord&limit=10', status: 200 }],
    handle: async ({ c, query: { prefix = '', limit = defaultLimit, cursor } }) => {
      const after = cursor === undefined ? '' : Buffer.from(cursor, 'base64url').toString()
      const all = (await call.topics.all()).filter(({ name }) => name.startsWith(prefix) && name > after)
      const page = all.slice(0, limit)
      const last = page.at(-1)
      const next = last && all.length > limit ? Buffer.from(last.name).toString('base64url') : null
      if (next !== null) {
        const query = new URLSearchParams({ ...(prefix !== '' && { prefix }), limit: String(limit), cursor: next })
        c.header('link', `</v1/topics?${query}>; rel="next"`)
      }
      const topics = page.map((topic) => {
        const { name, id, partitions, valueFormat } = describeTopic(topic)
        return { name, id, partitions, valueFormat }
      })
      return c.json({ topics, next })
    },
  })

const getTopic = ({ call }: HttpApi): Route =>
  route({
    method: 'get',
    path: '/v1/topics/{topic}',
    operationId: 'getTopic',
    summary: 'Tells a topic’s settings, where its partitions begin and end, and how much is in them.',
    tag: 'topics',
    params: topicParams(),
    query: noQuery,
    answers: {
      200: { description: 'The topic.', content: { 'application/json': measuredTopicSchema } },
      404: { description: 'TOPIC_NOT_FOUND' },
    },
    examples: [
      { path: '/v1/topics/orders', status: 200 },
      { path: '/v1/topics/ordesr', status: 404 },
    ],
    handle: async ({ c, params }) => {
      const topic = await findTopic(call, params.topic)
      const offsets = await measurePartitions(call, topic)
      return c.json({ ...describeTopic(topic), ...sumOf(offsets), offsets })
    },
  })
