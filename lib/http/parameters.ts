import * as z from 'zod/mini'
import { notes } from './route.ts'

/** A schema with what the OpenAPI document says of it. */
export const described = <S extends z.core.$ZodType>(schema: S, description: string, ...examples: unknown[]): S => {
  notes.add(schema, { description, ...(examples.length > 0 && { examples }) })
  return schema
}

/** A parameter that is a whole number. */
export const integerIn = (minimum: number, maximum: number, description: string, example: number) =>
  described(z.optional(z.int().check(z.minimum(minimum), z.maximum(maximum))), description, example)

export const textUpTo = (maxCharacters: number, description: string, ...examples: readonly string[]) =>
  described(z.optional(z.string().check(z.maxLength(maxCharacters))), description, ...examples)

export const flag = (description: string) => described(z.optional(z.boolean()), description, true)

export const dryRun = () => flag('Tells what would happen, and changes nothing.')

export const topicParams = () =>
  z.strictObject({ topic: described(z.string().check(z.maxLength(1000)), 'The name of the topic.', 'orders') })

/** Partition numbers fit into Kafka's int32. */
export const maxPartitionIndex = 2 ** 31 - 1

export const partitionIndex = () =>
  described(z.int().check(z.minimum(0), z.maximum(maxPartitionIndex)), 'The number of a partition.', 0)

export const noQuery = z.strictObject({})
