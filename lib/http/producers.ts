import * as z from 'zod/mini'
import { initProducerId } from '../broker/handlers/init-producer-id.ts'
import type { HttpApi } from './api.ts'
import { requireDone } from './failure.ts'
import { noQuery } from './parameters.ts'
import { type Route, route } from './route.ts'

/** Gives ids to producers that count their records themselves. */
export const producerRoute = ({ call }: HttpApi): Route =>
  route({
    method: 'post',
    path: '/v1/producers',
    operationId: 'newProducer',
    summary: 'Gives a producer id that nobody has, for Producer-Id, Producer-Epoch and Producer-Seq.',
    tag: 'produce',
    params: z.strictObject({}),
    query: noQuery,
    answers: {
      201: {
        description: 'The id and its first epoch; sequences begin at 0 in every partition.',
        content: { 'application/json': z.object({ producerId: z.int(), producerEpoch: z.int() }) },
      },
    },
    examples: [{ path: '/v1/producers', status: 201 }],
    handle: async ({ c }) => {
      const request = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1n, producerEpoch: -1 }
      const answer = await initProducerId({ ...request, ...twoPhase }, call)
      requireDone(answer)
      return c.json({ producerId: Number(answer.producerId), producerEpoch: answer.producerEpoch }, 201)
    },
  })

/** KIP-939 is for transactions. */
const twoPhase = { enable2Pc: false, keepPreparedTxn: false }
