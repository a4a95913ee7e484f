import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type App, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { Wadi, type WadiProps } from './wadi.ts'

/** Where emulators listen. */
const defaultEmulator = 'http://127.0.0.1:4566'
/** The token that is let in where everything runs on one machine. */
const localToken = 'local'

/**
 * The stack that `npm run deploy` deploys, as its context says:
 *
 *   stack            its name, `Wadi`
 *   local            true: for an emulator on this machine, at `endpoint`
 *   auth, apiKeys    `iam`, or `apiKeys` and `name:sha256,name:sha256`
 *   functionUrls     true: function URLs too
 *   ephemeral        true: table and bucket go with the stack, as they do in an emulator unless it is false
 *   existingTable, existingBucket    names of what an earlier stack has left
 *   reservesConcurrency              true: one execution is kept for maintenance
 *   monitoring                       false: neither alarms nor a dashboard
 */
export const wadiStack = (app: App, overrides: Pick<WadiProps, 'code'> = {}): { stack: Stack; wadi: Wadi } => {
  const text = (name: string): string | undefined => {
    const value: unknown = app.node.tryGetContext(name)
    return value === undefined ? undefined : String(value)
  }
  const isLocal = text('local') === 'true'
  const stack = new Stack(app, text('stack') ?? 'Wadi', {
    description: 'A Kafka-compatible log on Lambda, S3 and DynamoDB',
  })
  const given = {
    auth: text('auth') ?? (isLocal ? 'apiKeys' : 'iam'),
    apiKeys: text('apiKeys') ?? (isLocal ? `local:${sha256(localToken)}` : ''),
    existingTable: text('existingTable'),
    existingBucket: text('existingBucket'),
  }
  const { auth, existingTable, existingBucket } = given
  if (auth !== 'iam' && auth !== 'apiKeys') throw new Error(`auth is "${auth}": it must be iam or apiKeys`)
  const wadi = new Wadi(stack, 'Wadi', {
    ...overrides,
    version: versionOf(),
    auth,
    apiKeys: apiKeysFrom(given.apiKeys),
    functionUrls: text('functionUrls') === 'true',
    reservesConcurrency: text('reservesConcurrency') === 'true',
    monitoring: text('monitoring') !== 'false',
    removalPolicy: (text('ephemeral') ?? String(isLocal)) === 'true' ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    ...(isLocal && { emulator: text('endpoint') ?? defaultEmulator }),
    ...(existingTable && { existingTable }),
    ...(existingBucket && { existingBucket }),
  })
  return { stack, wadi }
}

const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex')

const apiKeysFrom = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    text
      .split(',')
      .filter((entry) => entry !== '')
      .map((entry) => {
        const [, name, hash] = /^([\w.-]{1,64}):([0-9a-f]{64})$/i.exec(entry) ?? []
        if (name === undefined || hash === undefined)
          throw new Error('apiKeys must be name:sha256, in hexadecimal, with commas between')
        return [name, hash]
      }),
  )

const versionOf = (): string => JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
