import { once } from 'node:events'
import type { Server } from 'node:http'
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
  const [dynamoEndpoint, s3Endpoint] = await Promise.all([listen(tables), listen(buckets)])
  return {
    dynamo: { ...patient, endpoint: dynamoEndpoint },
    s3: { ...patient, endpoint: s3Endpoint },
    close: async () => {
      await Promise.all([close(tables), close(buckets)])
    },
  }
}

/** What emulators accept. */
export const anybody = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }

/** The environment of a Wadi that keeps its records there. */
export const environmentOf = ({ dynamo, s3 }: Emulator): Readonly<Record<string, string>> => ({
  WADI_STORE: 'aws',
  AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint ?? '',
  AWS_ENDPOINT_URL_S3: s3.endpoint ?? '',
  AWS_REGION: anybody.region,
  AWS_ACCESS_KEY_ID: anybody.credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: anybody.credentials.secretAccessKey,
})

/** A busy machine may take its time: what is tested there is answers, not haste. */
export const patient = { ...anybody, timeoutMs: 15_000 }

const listen = async (server: Server): Promise<string> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the emulator listens on no port')
  return `http://127.0.0.1:${address.port}`
}

const close = async (server: Server): Promise<void> => {
  server.closeAllConnections()
  await new Promise<void>((resolve, reject) => {
    server.close((error) => (error === undefined || error === null ? resolve() : reject(error)))
  })
}
