import type { AwsSettings } from './environment.ts'
import { type Instance, type InstanceOptions, makeInstance } from './instance.ts'
import { dynamoItems } from './store/dynamodb.ts'
import { s3Objects } from './store/s3.ts'

/** Wadi on DynamoDB and S3, which must exist. Nothing is asked of them yet: what is wrong with them shows at the first call. */
export const openAws = ({ aws, ...options }: { readonly aws: AwsSettings } & InstanceOptions): Instance => {
  const items = dynamoItems(aws.dynamo, aws.table)
  const objects = s3Objects(aws.s3, aws.bucket)
  const close = (): void => {
    items[Symbol.dispose]()
    objects[Symbol.dispose]()
  }
  return makeInstance({ items, objects, close }, options)
}
