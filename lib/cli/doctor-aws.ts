import type { Settings } from '../environment.ts'
import type { AwsCredentials } from '../store/aws-client.ts'
import { topicKey } from '../store/keys.ts'
import type { Finding } from './doctor.ts'

/** Whether table and bucket can be used from here, where they are. */
export const awsChecks = async ({ aws }: Settings, isUsed: boolean): Promise<readonly Finding[]> => {
  if (!isUsed) return [{ check: 'aws', state: 'ok', says: 'not used from here: WADI_STORE, WADI_TABLE are not set' }]
  const credentials = await credentialsCheck(aws.dynamo.credentials)
  const { region } = aws.dynamo
  const told: Finding =
    region === undefined
      ? { check: 'region', state: 'fail', says: 'nothing tells the region', todo: 'set AWS_REGION' }
      : { check: 'region', state: 'ok', says: region }
  if (credentials.state === 'fail' || told.state === 'fail') return [credentials, told]
  return [credentials, told, await tableCheck(aws), await bucketCheck(aws)]
}

const credentialsCheck = async (credentials: () => Promise<AwsCredentials>): Promise<Finding> => {
  try {
    const { accessKeyId } = await credentials()
    return { check: 'credentials', state: 'ok', says: `there are some: ${accessKeyId.slice(0, 8)}…` }
  } catch (error) {
    return failed('credentials', error, 'aws configure, aws sso login, or AWS_PROFILE')
  }
}

const tableCheck = async ({ dynamo, table }: Settings['aws']): Promise<Finding> => {
  const { dynamoItems } = await import('../store/dynamodb.ts')
  using items = dynamoItems(dynamo, table)
  try {
    await items.get(topicKey('wadi-doctor'), { consistent: false })
    return { check: 'table', state: 'ok', says: `${table} answers` }
  } catch (error) {
    return failed('table', error, 'check WADI_TABLE, AWS_REGION and the permissions')
  }
}

const bucketCheck = async ({ s3, bucket }: Settings['aws']): Promise<Finding> => {
  const { s3Objects } = await import('../store/s3.ts')
  using objects = s3Objects(s3, bucket)
  try {
    await objects.list('wadi-doctor/', '')
    return { check: 'bucket', state: 'ok', says: `${bucket} answers` }
  } catch (error) {
    return failed('bucket', error, 'check WADI_BUCKET, AWS_REGION and the permissions')
  }
}

const failed = (check: string, error: unknown, todo: string): Finding => ({
  check,
  state: 'fail',
  says: error instanceof Error ? error.message : String(error),
  todo,
})
