import type { AwsSettings } from './environment.ts'
import { type Instance, type InstanceOptions, makeInstance } from './instance.ts'
import { defaultRules } from './journal/journal.ts'
import { dynamoItems } from './store/dynamodb.ts'
import type { Items } from './store/items.ts'
import { clusterKey } from './store/keys.ts'
import { ObjectNotFound, type Objects } from './store/objects.ts'
import { s3Objects } from './store/s3.ts'

/**
 * Wadi on DynamoDB and S3. Throws `StoreSetupError`, saying what to do, when the table or the bucket cannot be used, and
 * `StoreUnavailable` when they do not answer.
 */
export const openAws = async ({
  aws,
  ...options
}: { readonly aws: AwsSettings } & InstanceOptions): Promise<Instance> => {
  const items = dynamoItems(aws.dynamo, aws.table)
  const objects = s3Objects(aws.s3, aws.bucket)
  const close = (): void => {
    items[Symbol.dispose]()
    objects[Symbol.dispose]()
  }
  try {
    await readSomething(items)
    await readNothing(objects)
  } catch (error) {
    close()
    throw error
  }
  return makeInstance({ items, objects, rules: defaultRules, keepsReads: true, close }, options)
}

const readSomething = async (items: Items): Promise<void> => {
  await items.get(clusterKey, { consistent: false })
}

/** A key that nobody uses. */
const nothingKey = 'nothing'

const readNothing = async (objects: Objects): Promise<void> => {
  try {
    await objects.read(nothingKey)
  } catch (error) {
    if (!(error instanceof ObjectNotFound)) throw error
  }
}
