import * as z from 'zod/mini'
import type { Call } from '../broker/context.ts'
import type { Acknowledgement, Failure } from '../group/lease-ack.ts'
import { maxErrorCharacters } from '../group/lease-ack.ts'
import type { HttpApi } from './api.ts'
import { findTopic } from './find-topic.ts'
import { takeAwayDead } from './groups-dead.ts'
import {
  defaultLeaseMs,
  groupParams,
  groupProblem,
  leaseMs,
  leaseToken,
  offset,
  partition,
  placesOf,
  placesSchema,
  requireGroupId,
  topicName,
} from './groups-parameters.ts'
import { HttpProblem } from './http-problem.ts'
import { described, noQuery } from './parameters.ts'
import { type Route, route } from './route.ts'

/** What a worker says of its lease. */
export const ackRoutes = (api: HttpApi): readonly Route[] => [ack(api), extend(api), release(api)]

/** Records that fail with one acknowledgement. */
const maxFailedAtOnce = 100
const shownCharacters = 2000

const failedSchema = z.strictObject({
  topic: topicName(),
  partition: partition(),
  offset: offset(),
  error: z.optional(z.string().check(z.maxLength(shownCharacters))),
  retry: z.optional(z.boolean()),
})

const wanted = z.strictObject({
  lease: leaseToken(),
  upTo: described(
    z.optional(z.record(topicName(), z.record(z.string().check(z.maxLength(10)), offset()))),
    'The first offset that is not done, by topic and partition; without it all of the lease is done.',
    { orders: { '0': 43 } },
  ),
  failed: described(
    z.optional(z.array(failedSchema).check(z.maxLength(maxFailedAtOnce))),
    'Which of these records failed: they are handed out again, and after the fifth time are dead letters. ' +
      'With "retry": false they are at once.',
    [{ topic: 'orders', partition: 0, offset: 42, error: 'no such customer' }],
  ),
})

const common = { method: 'post', tag: 'groups', query: noQuery } as const
const fenced = { description: 'FENCED: the lease is not the current one.' }
const unknown = '7-k3JhQ0xZ2vLm9TbA'

const ack = (api: HttpApi): Route =>
  route({
    ...common,
    path: '/v1/groups/{group}/ack',
    operationId: 'ack',
    summary: 'Takes records of a lease as done: commits their offsets, and ends the lease when all are done.',
    description: 'A repeat does no harm. What failed is kept before anything behind it is committed.',
    params: groupParams(),
    body: wanted,
    answers: {
      200: {
        description: 'It is committed. "lease" is null when the lease is done, "left" is what it still has.',
        content: {
          'application/json': z.object({ lease: z.nullable(z.string()), left: placesSchema, deadLetters: z.int() }),
        },
      },
      400: { description: 'INVALID_REQUEST: the lease does not have what is said to be done.' },
      409: fenced,
      429: { description: 'THROTTLED: too many records have failed; nothing was acknowledged.' },
      504: { description: 'TIMED_OUT: whether it is committed is not known. Repeat it.' },
    },
    examples: [{ path: '/v1/groups/billing/ack', body: `{ "lease": "${unknown}" }`, status: 409 }],
    handle: async ({ c, params, body }) => {
      const groupId = requireGroupId(params.group)
      const said = await acknowledgementOf(api.call, body)
      const told = await api.call.groups.leases.acknowledge(groupId, body.lease, said)
      if (!('left' in told)) throw groupProblem(told.error, told.message ?? null)
      const deadLetters = await takeAwayDead(api, groupId, told.dead)
      const left = placesOf(told.left, ({ from }) => from)
      return c.json({ lease: told.hasMore ? body.lease : null, left, deadLetters })
    },
  })

const acknowledgementOf = async (
  call: Call,
  { upTo, failed = [] }: z.infer<typeof wanted>,
): Promise<Acknowledgement> => {
  const ids = new Map<string, string>()
  for (const name of [...Object.keys(upTo ?? {}), ...failed.map(({ topic }) => topic)]) {
    if (!ids.has(name)) ids.set(name, (await findTopic(call, name)).id)
  }
  const topics = Object.entries(upTo ?? {}).map(([name, partitions]) => {
    const offsets = Object.entries(partitions).map(([text, done]): readonly [number, number] => {
      if (!/^\d{1,10}$/.test(text)) throw new HttpProblem('INVALID_REQUEST', `"${text}" is no partition.`)
      return [Number(text), done]
    })
    return [ids.get(name) ?? '', new Map(offsets)] as const
  })
  const failures = failed.map(
    ({ topic, partition: index, offset: at, error = '', retry = true }): Failure => ({
      topicId: ids.get(topic) ?? '',
      index,
      offset: at,
      error: shown(error),
      retry,
    }),
  )
  return { upTo: upTo === undefined ? undefined : new Map(topics), failed: failures }
}

/** Without what would take more room in a document than it shows. */
const shown = (error: string): string =>
  error
    .toWellFormed()
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, maxErrorCharacters)
    .toWellFormed()

const extend = (api: HttpApi): Route =>
  route({
    ...common,
    path: '/v1/groups/{group}/extend',
    operationId: 'extendLease',
    summary: 'Keeps a lease for longer, counted from now.',
    params: groupParams(),
    body: z.strictObject({ lease: leaseToken(), leaseMs: leaseMs() }),
    answers: {
      200: {
        description: 'When it ends now.',
        content: { 'application/json': z.object({ lease: z.string(), leaseExpiresAt: z.int() }) },
      },
      409: fenced,
    },
    examples: [{ path: '/v1/groups/billing/extend', body: `{ "lease": "${unknown}", "leaseMs": 60000 }`, status: 409 }],
    handle: async ({ c, params, body }) => {
      const groupId = requireGroupId(params.group)
      const { leases } = api.call.groups
      const { error, untilMs } = await leases.extend(groupId, body.lease, body.leaseMs ?? defaultLeaseMs)
      if (error !== 'NONE') throw groupProblem(error)
      return c.json({ lease: body.lease, leaseExpiresAt: untilMs })
    },
  })

const release = (api: HttpApi): Route =>
  route({
    ...common,
    path: '/v1/groups/{group}/release',
    operationId: 'releaseLease',
    summary: 'Gives back what a lease has and nobody has acknowledged: it is handed out again at once.',
    params: groupParams(),
    body: z.strictObject({ lease: leaseToken() }),
    answers: { 204: { description: 'It is given back.' }, 409: fenced },
    examples: [{ path: '/v1/groups/billing/release', body: `{ "lease": "${unknown}" }`, status: 409 }],
    handle: async ({ c, params, body }) => {
      const error = await api.call.groups.leases.release(requireGroupId(params.group), body.lease)
      if (error !== 'NONE') throw groupProblem(error)
      return c.body(null, 204)
    },
  })
