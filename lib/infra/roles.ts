import { Stack, Validations } from 'aws-cdk-lib'
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam'
import { CfnBucket } from 'aws-cdk-lib/aws-s3'
import type { Permissions } from './permissions.ts'
import type { Storage } from './storage.ts'

/** The statements of a role that may do this and nothing else; none names a resource that is not these two stores. */
export const statementsFor = (permissions: Permissions, { table, bucket }: Storage): readonly PolicyStatement[] => {
  const { readsItems, writesItems, deletesItems, readsObjects, writesObjects, deletesObjects } = permissions
  const items = (actions: readonly string[], partitions: readonly string[]) =>
    partitions.length === 0
      ? []
      : [
          new PolicyStatement({
            actions: [...actions],
            resources: [table.tableArn],
            conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': partitions } },
          }),
        ]
  const objects = (action: string, keys: readonly string[]) =>
    keys.length === 0
      ? []
      : [new PolicyStatement({ actions: [action], resources: keys.map((key) => bucket.arnForObjects(key)) })]
  return [
    ...items(['dynamodb:GetItem', 'dynamodb:Query'], readsItems),
    ...items(['dynamodb:PutItem'], writesItems),
    ...items(['dynamodb:DeleteItem'], deletesItems),
    ...objects('s3:GetObject', readsObjects),
    ...objects('s3:PutObject', writesObjects),
    ...objects('s3:DeleteObject', deletesObjects),
    // Without it S3 answers 403 for an object that is not there, and what was swept could not be told from what is
    // forbidden. A condition on the prefix would undo that, because GetObject has none.
    new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }),
  ]
}

/** Why keys of objects have wildcards in a role: they begin with ids that are drawn when topics and groups are made. */
export const acknowledgeKeys = (role: Role, permissions: Permissions, { bucket }: Storage): void => {
  const own = bucket.node.defaultChild
  const arn = CfnBucket.isCfnBucket(own)
    ? `<${Stack.of(own).getLogicalId(own)}.Arn>`
    : `arn:<AWS::Partition>:s3:::${bucket.bucketName}`
  const { readsObjects, writesObjects, deletesObjects } = permissions
  for (const key of new Set([...readsObjects, ...writesObjects, ...deletesObjects])) {
    Validations.of(role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${arn}/${key}]`,
      reason: 'keys of objects begin with ids that are drawn when topics and groups are made',
    })
  }
}
