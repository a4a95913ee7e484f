import type { Context } from 'hono'
import * as z from 'zod/mini'
import type { Call } from '../broker/context.ts'
import { HttpProblem } from './http-problem.ts'
import { described, maxPartitionIndex } from './parameters.ts'
import { restPrefixes } from './v3-error.ts'

const restErrorSchema = z.object({ error_code: z.int(), message: z.string() })

/** What the routes of Confluent's REST API have in common; `path` is what follows the prefix. */
export const restAt = (path: string) => ({
  path: `${restPrefixes[0]}${path}`,
  alsoAt: restPrefixes.slice(1).map((prefix) => `${prefix}${path}`),
  tag: 'rest v3',
  errors: { 'application/json': restErrorSchema },
})

/** Where everything but the list of clusters is. */
export const inCluster = (path: string) => restAt(`/clusters/{cluster}${path}`)

const name = (description: string, example: string) =>
  described(z.string().check(z.maxLength(1000)), description, example)

/** The parameters of paths. */
export const restParams = {
  cluster: name('The id of the cluster.', '4L6g3nShT-eMCtK--X86sw'),
  topic: name('The name of a topic.', 'payments'),
  config: name('The name of a config.', 'retention.ms'),
  group: name('The id of a group.', 'billing'),
  consumer: name('The id of a member.', 'consumer-1'),
  partition: described(z.int().check(z.minimum(0), z.maximum(maxPartitionIndex)), 'The number of a partition.', 0),
  broker: described(z.int(), 'The id of a broker.', 1),
} as const

export const clusterParams = z.strictObject({ cluster: restParams.cluster })
export const topicParams = z.strictObject({ cluster: restParams.cluster, topic: restParams.topic })

/** The only cluster there is. Throws a problem for any other id. */
export const requireCluster = async (call: Call, asked: string): Promise<string> => {
  const id = await call.clusterId()
  if (asked === id) return id
  throw new HttpProblem('NOT_FOUND', `Cluster ${asked} cannot be found.`)
}

type Related = { readonly related: string }

/** Where things are, under the prefix and the host that the request came to. */
export const linksOf = (c: Context, clusterId: string) => {
  const { protocol, host } = new URL(c.req.url)
  const scheme = c.req.header('x-forwarded-proto') === 'https' ? 'https:' : protocol
  const prefix = restPrefixes.find((one) => c.req.path.startsWith(`${one}/`)) ?? restPrefixes[0]
  const root = `${scheme}//${c.req.header('host') ?? host}${prefix}/clusters`
  const at = (steps: readonly (string | number)[]): string =>
    [root, clusterId, ...steps].map((step, i) => (i === 0 ? step : encodeURIComponent(step))).join('/')
  return {
    /** `/v3/clusters/<id>` and these steps. */
    related: (...steps: readonly (string | number)[]): Related => ({ related: at(steps) }),
    metadata: (steps: readonly (string | number)[], names: Readonly<Record<string, string | number>>) => ({
      self: at(steps),
      resource_name: `crn:///kafka=${clusterId}${Object.entries(names)
        .map(([kind, named]) => `/${kind}=${encodeURIComponent(named)}`)
        .join('')}`,
    }),
    /** A list is whole: `next` is there because the form has it. */
    list: <One>(kind: string, steps: readonly (string | number)[], data: readonly One[]) => ({
      kind,
      metadata: { self: at(steps), next: null },
      data,
    }),
    root,
  }
}

const metadataSchema = z.object({ self: z.string(), resource_name: z.string() })
export const relatedSchema = z.object({ related: z.string() })

/** What one thing looks like. */
export const resourceSchema = <S extends z.core.$ZodShape>(kind: string, shape: S) =>
  z.object({ kind: z.literal(kind), metadata: metadataSchema, cluster_id: z.string(), ...shape })

/** What a list of them looks like. */
export const listSchema = <S extends z.core.$ZodType>(kind: string, one: S) =>
  z.object({
    kind: z.literal(kind),
    metadata: z.object({ self: z.string(), next: z.nullable(z.string()) }),
    data: z.array(one),
  })

/** An answer in JSON with this schema. */
export const answering = (description: string, schema: z.core.$ZodType) => ({
  description,
  content: { 'application/json': schema },
})

/** The word of the API for one of ours or Kafka's: `PreparingRebalance` is `PREPARING_REBALANCE`. */
export const upperSnake = (text: string): string => text.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()
