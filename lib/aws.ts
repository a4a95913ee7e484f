import { realClock } from './clock.ts'
import type { AwsSettings } from './environment.ts'
import { type Instance, type InstanceOptions, makeInstance, type Stores } from './instance.ts'
import { defaultRules } from './journal/journal.ts'
import { dynamoItems } from './store/dynamodb.ts'
import { type Items, StoreUnavailable } from './store/items.ts'
import { clusterKey, objectKey } from './store/keys.ts'
import { ObjectNotFound, type Objects } from './store/objects.ts'
import { s3Objects } from './store/s3.ts'

/**
 * Wadi on DynamoDB and S3. Throws `StoreSetupError`, saying what to do, when the table or the bucket cannot be used, and
 * `StoreUnavailable` when they do not answer for some time.
 */
export const openAws = async (options: AwsOptions): Promise<Instance> => {
  const stores = awsStores(options)
  try {
    await checkStores(stores)
  } catch (error) {
    stores.close()
    throw error
  }
  return makeInstance(stores, options)
}

/** The same without asking first: what is wrong is told by the first request, and a role may have little to read. */
export const awsInstance = (options: AwsOptions): Instance => makeInstance(awsStores(options), options)

type AwsOptions = { readonly aws: AwsSettings } & InstanceOptions

const awsStores = ({ aws }: AwsOptions): Stores => {
  const items = dynamoItems(aws.dynamo, aws.table)
  const objects = s3Objects(aws.s3, aws.bucket)
  const close = (): void => {
    items[Symbol.dispose]()
    objects[Symbol.dispose]()
  }
  return { items, objects, rules: defaultRules, keepsReads: true, leavesHints: true, close }
}

/** A store that is busy may answer in a moment: whoever starts has this much patience. */
const patienceMs = 15_000
const pauseMs = 500

const untilAvailable = async (ask: () => Promise<void>): Promise<void> => {
  const untilMs = realClock.now() + patienceMs
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || realClock.now() > untilMs) throw error
      await realClock.sleep(pauseMs)
    }
  }
}

/** Reads a little of both stores, and nothing that a role for working on them may not read. */
export const checkStores = async ({ items, objects }: Pick<Stores, 'items' | 'objects'>): Promise<void> => {
  await untilAvailable(() => readSomething(items))
  await untilAvailable(() => readNothing(objects))
}

const readSomething = async (items: Items): Promise<void> => {
  await items.get(clusterKey, { consistent: false })
}

/** A key that nobody uses, among those that every role may read: for any other S3 answers that access is denied. */
const nothingKey = objectKey({ topicId: 'nothing', index: 0 }, 'wal/nothing')

const readNothing = async (objects: Objects): Promise<void> => {
  try {
    await objects.read(nothingKey)
  } catch (error) {
    if (!(error instanceof ObjectNotFound)) throw error
  }
}
