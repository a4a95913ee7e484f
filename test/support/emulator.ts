import { once } from 'node:events'
import type { Server } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import {
  CreateTableCommand,
  DynamoDBClient,
  ResourceInUseException,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb'
import { BucketAlreadyOwnedByYou, CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import dynalite from 'dynalite'
import type { AwsAccess } from '../../lib/store/aws-client.ts'
import { s3Server } from './s3-server.ts'

export type Emulator = {
  readonly dynamo: AwsAccess
  readonly s3: AwsAccess
  readonly close: () => Promise<void>
}

/** DynamoDB and S3 in this process, on free ports of the loopback interface, empty. */
export const startEmulator = async (): Promise<Emulator> => {
  const tables = dynalite({ createTableMs: 0 })
  const buckets = s3Server()
  const quiet = quietOf(tables)
  const [dynamoEndpoint, s3Endpoint] = await Promise.all([listen(tables), listen(buckets)])
  return {
    dynamo: { ...patient, endpoint: dynamoEndpoint },
    s3: { ...patient, endpoint: s3Endpoint },
    close: async () => {
      await quiet()
      await Promise.all([close(tables), close(buckets)])
    },
  }
}

/** What emulators accept. */
const key = { accessKeyId: 'test', secretAccessKey: 'test' }
export const anybody = { region: 'us-east-1', credentials: async () => key }

/** The environment of a Wadi that keeps its records there. */
export const environmentOf = ({ dynamo, s3 }: Emulator): Readonly<Record<string, string>> => ({
  WADI_STORE: 'aws',
  AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint ?? '',
  AWS_ENDPOINT_URL_S3: s3.endpoint ?? '',
  AWS_REGION: anybody.region,
  AWS_ACCESS_KEY_ID: key.accessKeyId,
  AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
})

/** A busy machine may take its time: what is tested there is answers, not haste. */
export const patient = { ...anybody, timeoutMs: 15_000 }

/** Makes the table of a Wadi, by other means than its own, unless it exists; it can be used then. */
export const createTable = async (access: AwsAccess, table: string): Promise<void> => {
  const client = new DynamoDBClient(sdkOptions(access))
  try {
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    )
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error
  }
  await waitUntilTableExists({ client, maxWaitTime: maxCreationSeconds }, { TableName: table })
  client.destroy()
}

const maxCreationSeconds = 60

/** Makes the bucket unless it exists. */
export const createBucket = async (access: AwsAccess, bucket: string): Promise<void> => {
  const client = new S3Client(sdkOptions(access))
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
  } catch (error) {
    if (!(error instanceof BucketAlreadyOwnedByYou)) throw error
  } finally {
    client.destroy()
  }
}

/** AWS's own SDK, talking to the same place. */
export const sdkOptions = ({ region = anybody.region, credentials, endpoint }: AwsAccess) => ({
  region,
  credentials,
  ...(endpoint !== undefined && { endpoint }),
  forcePathStyle: true,
  requestChecksumCalculation: 'WHEN_REQUIRED' as const,
  responseChecksumValidation: 'WHEN_REQUIRED' as const,
})

const listen = async (server: Server): Promise<string> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the emulator listens on no port')
  return `http://127.0.0.1:${address.port}`
}

/** A request that lost its client is still worked on for a moment, and dynalite ends the process if that finds it closed. */
const workedOffMs = 200
const maxQuietMs = 5000

/** Waits until nothing is asked or worked on. */
const quietOf = (server: Server): (() => Promise<void>) => {
  let open = 0
  server.on('request', (_, response) => {
    open += 1
    response.once('close', () => {
      open -= 1
    })
  })
  return async () => {
    const endMs = Date.now() + maxQuietMs
    while (open > 0 && Date.now() < endMs) await pause(workedOffMs)
    await pause(workedOffMs)
  }
}

const close = async (server: Server): Promise<void> => {
  server.closeAllConnections()
  await new Promise<void>((resolve, reject) => {
    server.close((error) => (error === undefined || error === null ? resolve() : reject(error)))
  })
}
