import * as z from 'zod/mini'
import type { LeaseRequest } from '../group/lease.ts'
import type { Lent, View } from '../group/leases.ts'
import { shardOfPartition } from '../journal/topics.ts'
import { partitionOf } from '../log/state.ts'
import type { Topic } from '../log/topic.ts'
import type { HttpApi } from './api.ts'
import { findTopic } from './find-topic.ts'
import { takeAwayDead } from './groups-dead.ts'
import {
  defaultLeaseMs,
  groupParams,
  groupProblem,
  leaseMs,
  placesOf,
  placesSchema,
  requireGroupId,
  topicName,
} from './groups-parameters.ts'
import { type Candidate, type Handed, type ReadLimits, readFailed, readRanges } from './groups-read.ts'
import { HttpProblem } from './http-problem.ts'
import { outgoingSchema } from './outgoing.ts'
import { described, integerIn, noQuery, textUpTo } from './parameters.ts'
import { cursorFrom } from './read-from.ts'
import { type Route, route } from './route.ts'

const maxTopics = 100
const defaultLimit = 100
const maxLimit = 10_000
const defaultBytes = 1_000_000
/** What Lambda takes as an answer, less what its envelope costs. */
const maxBytes = 4_000_000
const maxWaitMs = 20_000
/** Others may write to the topics: growth that this process does not see is found by looking again. */
const lookEveryMs = 1000
/** How often somebody else may be faster before nothing is answered. */
const maxTries = 5

const wanted = z.strictObject({
  topics: described(z.array(topicName()).check(z.minLength(1), z.maxLength(maxTopics)), 'The names of the topics.', [
    'orders',
  ]),
  limit: integerIn(1, maxLimit, `Records at most, ${defaultLimit} by default.`, 10),
  maxBytes: integerIn(1, maxBytes, `Bytes of their JSON at most, ${defaultBytes} by default.`, 100_000),
  wait: integerIn(0, maxWaitMs, 'How many ms to wait when there is nothing yet, on a server of one’s own.', 1000),
  leaseMs: leaseMs(),
  from: textUpTo(
    100,
    'Where the group begins where it has committed nothing: earliest, the default, latest, a date and time, -2h.',
    'latest',
  ),
  worker: textUpTo(100, 'What the worker calls itself, as Kafka’s tools show it.', 'billing-1'),
})

type Wanted = z.infer<typeof wanted>

const answered = z.object({
  lease: z.nullable(z.string()),
  leaseExpiresAt: z.nullable(z.int()),
  records: z.array(z.object({ topic: z.string(), ...outgoingSchema.shape, attempt: z.int() })),
  upTo: placesSchema,
})

export const pollRoute = (api: HttpApi): Route =>
  route({
    method: 'post',
    path: '/v1/groups/{group}/poll',
    operationId: 'poll',
    summary: 'Lends the next records of a group to a worker, until it acknowledges them or the lease has ended.',
    description:
      'A partition is lent to one worker at a time. Without records there is no lease: ask again after a pause that grows.',
    tag: 'groups',
    params: groupParams(),
    query: noQuery,
    body: wanted,
    answers: {
      200: {
        description: 'Records and their lease. "upTo" is what an acknowledgement of all of them commits.',
        content: { 'application/json': answered },
      },
      404: { description: 'TOPIC_NOT_FOUND' },
      409: { description: 'NOT_EMPTY: the group has members of Kafka’s protocol.' },
      422: { description: 'UNREADABLE: records that are no records.' },
      429: { description: 'THROTTLED: the group has lent as much as it can.' },
    },
    examples: [{ path: '/v1/groups/billing/poll', body: '{ "topics": ["orders"], "limit": 1 }', status: 200 }],
    handle: async ({ c, params, body }) => {
      const groupId = requireGroupId(params.group)
      const topics = await Promise.all([...new Set(body.topics)].map((name) => findTopic(api.call, name)))
      c.header('cache-control', 'no-store')
      const told = await waitForRecords(api, groupId, topics, body, c.req.raw.signal)
      return c.body(told ?? nothing, 200, { 'content-type': 'application/json' })
    },
  })

/** `gone` is aborted when the client is not there any more. */
const waitForRecords = async (
  api: HttpApi,
  groupId: string,
  topics: readonly Topic[],
  body: Wanted,
  gone: AbortSignal,
): Promise<string | undefined> => {
  const { clock } = api.call
  const untilMs = clock.now() + (body.wait ?? 0)
  const { growth } = api
  if (!body.wait || growth === undefined) return pollFor(gone, api, groupId, topics, body)
  const listenings = topics.map(({ id }) => growth(id))
  try {
    for (;;) {
      const told = await pollFor(gone, api, groupId, topics, body)
      const leftMs = untilMs - clock.now()
      if (told !== undefined || leftMs <= 0 || api.stopping.aborted || gone.aborted) return told
      const ended = new AbortController()
      const stop = AbortSignal.any([api.stopping, gone, ended.signal])
      await Promise.race(listenings.map(({ grown }) => grown(Math.min(leftMs, lookEveryMs), stop)))
      ended.abort()
    }
  } finally {
    for (const listening of listenings) listening.close()
  }
}

const nothing = JSON.stringify({ lease: null, leaseExpiresAt: null, records: [], upTo: {} })

/** Nothing is lent to a client that has gone; what was while it went is given back. */
const pollFor = async (gone: AbortSignal, api: HttpApi, groupId: string, topics: readonly Topic[], body: Wanted) => {
  if (gone.aborted) return undefined
  const polled = await poll(api, groupId, topics, body)
  if (polled === undefined || !gone.aborted) return polled?.json
  await api.call.groups.leases.release(groupId, polled.lease)
  return undefined
}

/** An answer and the lease that it tells of. */
type Polled = { readonly lease: string; readonly json: string }

/** Undefined where there is nothing. */
const poll = async (
  api: HttpApi,
  groupId: string,
  topics: readonly Topic[],
  body: Wanted,
): Promise<Polled | undefined> => {
  const { leases } = api.call.groups
  const limits = { limit: body.limit ?? defaultLimit, maxBytes: body.maxBytes ?? defaultBytes }
  const request = { clientId: body.worker ?? 'http', clientHost: '/', leaseMs: body.leaseMs ?? defaultLeaseMs }
  for (let tries = 0; tries < maxTries; tries++) {
    const view = await leases.look(
      groupId,
      topics.map(({ id }) => id),
    )
    if (view === undefined) throw groupProblem('INCONSISTENT_GROUP_PROTOCOL')
    await takeAwayDead(api, groupId, view.dead)
    const again = await pollFailed(api, groupId, topics, view, limits, request)
    if (again !== undefined) return again
    if (await begins(api, groupId, topics, view, body.from ?? 'earliest')) continue
    const candidates = await candidatesIn(api, topics, view)
    if (candidates.length === 0) return undefined
    const { ranges, records } = await readRanges(api, candidates, limits)
    if (ranges.length === 0) return undefined
    const lent = await leases.lend(groupId, ranges, view.offsets, request)
    const told = toldOf(lent, records)
    if (told !== undefined) return told
  }
  return undefined
}

/** Records that failed before come first: they have waited longest. */
const pollFailed = async (
  api: HttpApi,
  groupId: string,
  topics: readonly Topic[],
  { due }: View,
  limits: ReadLimits,
  request: LeaseRequest,
): Promise<Polled | undefined> => {
  if (due.length === 0) return undefined
  const { leases } = api.call.groups
  const { found, gone } = await readFailed(api, topics, due, limits)
  await leases.bury(groupId, gone)
  if (found.length === 0) return undefined
  const lent = await leases.lendFailed(
    groupId,
    found.map(({ record }) => record),
    request,
  )
  if (!('lease' in lent) || lent.lease === undefined) return toldOf(lent, [])
  const isLent = ({ record }: (typeof found)[number]): boolean =>
    lent.failed.some(
      ({ topicId, index, offset }) => topicId === record.topicId && index === record.index && offset === record.offset,
    )
  return answerOf(lent.lease, found.filter(isLent))
}

const toldOf = (lent: Lent, records: readonly Handed[]): Polled | undefined => {
  if (!('lease' in lent)) throw groupProblem(lent.error)
  const { lease } = lent
  if (lease === undefined) return undefined
  const own = records.filter(({ topicId, partition }) =>
    lease.ranges.some((range) => range.topicId === topicId && range.index === partition),
  )
  return answerOf(lease, own)
}

const answerOf = (
  { memberId, untilMs, ranges }: NonNullable<Extract<Lent, { readonly lease: unknown }>['lease']>,
  records: readonly Handed[],
): Polled => {
  const head = JSON.stringify({ lease: memberId, leaseExpiresAt: untilMs }).slice(0, -1)
  const upTo = JSON.stringify(placesOf(ranges, (range) => range.upTo))
  const json = `${head},"records":[${records.map((one) => one.json).join(',')}],"upTo":${upTo}}`
  return { lease: memberId, json }
}

/** Partitions that are not lent and have something to read, from a random one on, so that workers do not meet. */
const candidatesIn = async (api: HttpApi, topics: readonly Topic[], view: View): Promise<readonly Candidate[]> => {
  for (const how of ['known', 'confirmed'] as const) {
    const found = await Promise.all(topics.map((topic) => pendingIn(api, topic, view, how)))
    const all = found.flat()
    const start = Math.floor(api.call.clock.random() * all.length)
    if (all.length > 0) return [...all.slice(start), ...all.slice(0, start)]
  }
  return []
}

const pendingIn = async (
  { call }: HttpApi,
  topic: Topic,
  view: View,
  how: 'known' | 'confirmed',
): Promise<readonly Candidate[]> => {
  const free = Array.from({ length: topic.partitions }, (_, index) => index).filter(
    (index) => !view.isLent(topic.id, index),
  )
  const lanes = new Set(free.map((index) => call.logs.lane(shardOfPartition(topic, index))))
  const states = new Map(
    await Promise.all([...lanes].map(async (lane) => [lane.journal.shard.index, await lane.state(how)] as const)),
  )
  return free.flatMap((index) => {
    const state = states.get(shardOfPartition(topic, index).index)
    if (state === undefined) return []
    const { logStartOffset, endOffset } = partitionOf(state, index)
    const next = view.offsets.get(topic.id)?.[index]?.offset ?? 0n
    const position = next < logStartOffset ? logStartOffset : next
    return position < endOffset ? [{ topic, index, from: position }] : []
  })
}

/**
 * Commits where the group begins in topics of which it has committed nothing, unless that is where they begin anyway.
 * Whether it has: then what counts is to be looked at. Partitions that are added later begin where they begin.
 */
const begins = async (
  api: HttpApi,
  groupId: string,
  topics: readonly Topic[],
  { offsets }: View,
  from: string,
): Promise<boolean> => {
  if (/^(c\d+\.|p\d)/.test(from)) {
    throw new HttpProblem('INVALID_REQUEST', '"from" is earliest, latest, a time or -2h here.', {
      hint: 'To begin elsewhere, PUT the offsets of the group first.',
    })
  }
  const fresh = topics.filter(({ id }) => Object.keys(offsets.get(id) ?? {}).length === 0)
  if (fresh.length === 0 || from === 'earliest') return false
  for (const topic of fresh) {
    const { positions } = await cursorFrom(api, topic, from, undefined)
    const error = await api.call.groups.leases.begin(groupId, topic.id, positions)
    if (error !== 'NONE') throw groupProblem(error)
  }
  return true
}
