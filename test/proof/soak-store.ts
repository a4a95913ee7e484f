import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBucket, createTable, environmentOf, patient, startEmulator } from '../support/emulator.ts'

/** Where servers keep their records, by the environment that says so. */
export type SoakStore = {
  readonly name: string
  /** How many servers may have it open at once. */
  readonly servers: number
  readonly environment: Readonly<Record<string, string>>
  readonly close: () => Promise<void>
}

export type StoreKind = 'folder' | 'aws'

/** A new one: a folder, or a table and a bucket of the emulator at `AWS_ENDPOINT_URL`, or else of one in this process. */
export const openStore = (kind: StoreKind): Promise<SoakStore> => (kind === 'folder' ? openFolder() : openAws())

const openFolder = async (): Promise<SoakStore> => {
  const folder = mkdtempSync(join(tmpdir(), 'wadi-soak-'))
  return {
    name: 'a folder',
    servers: 1,
    environment: { WADI_STORE: 'local', WADI_DATA: join(folder, 'wadi') },
    close: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

const openAws = async (): Promise<SoakStore> => {
  const { AWS_ENDPOINT_URL: endpoint } = process.env
  const emulator =
    endpoint === undefined
      ? await startEmulator()
      : { dynamo: { ...patient, endpoint }, s3: { ...patient, endpoint }, close: async () => {} }
  const [table, bucket] = [`wadi-${randomUUID()}`, `wadi-${randomUUID()}`]
  await createTable(emulator.dynamo, table)
  await createBucket(emulator.s3, bucket)
  return {
    name: endpoint === undefined ? 'DynamoDB and S3, embedded' : `DynamoDB and S3 at ${endpoint}`,
    servers: 2,
    environment: { ...environmentOf(emulator), WADI_TABLE: table, WADI_BUCKET: bucket },
    close: emulator.close,
  }
}
