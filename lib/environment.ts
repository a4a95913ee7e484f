import type { NodeAddress } from './journal/nodes.ts'
import type { AwsAccess, AwsCredentials } from './store/aws-client.ts'
import { machineCredentials } from './store/aws-credentials.ts'

/** What is told from outside. Every name begins with `WADI_`, but for those that every AWS client reads. */
export type Settings = {
  /** `local`: SQLite and files in `data` · `memory`: nothing is kept · `aws`: DynamoDB and S3. */
  readonly store: 'local' | 'memory' | 'aws'
  readonly data: string
  /** Wait for the disk with every write, for machines that may lose power. */
  readonly fsync: boolean
  readonly kafkaPort: number
  readonly httpPort: number
  /** Requests that arrive within this time after the first share a row. */
  readonly lingerMs: number
  readonly autoCreateTopics: boolean
  readonly numPartitions: number
  readonly aws: AwsSettings
  /** Where clients reach this server, where several share the stores. */
  readonly node: NodeAddress | undefined
  /** What this build was made of, if that is known. */
  readonly commit: string | undefined
}

export type AwsSettings = {
  readonly table: string
  readonly bucket: string
  readonly dynamo: AwsAccess
  readonly s3: AwsAccess
}

export type Environment = Readonly<Record<string, string | undefined>>

/** A setting has a value that means nothing. The message names it and says what is allowed. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}

const maxPort = 65_535
const maxLingerMs = 1000
/** One row costs as much as its round trip to DynamoDB takes; on a disk it takes less than any pause. */
const defaultLingerMs = { local: 0, memory: 0, aws: 5 }

/** Throws `SettingsError`. */
export const settingsFrom = (environment: Environment): Settings => {
  // An empty variable is one that is not set: shells and task definitions cannot always leave one out.
  const text = (name: string, otherwise: string): string => environment[name] || otherwise
  const oneOf = <Word extends string>(name: string, words: readonly Word[], otherwise: Word): Word => {
    const given = text(name, otherwise)
    const word = words.find((candidate) => candidate === given)
    if (word === undefined) throw new SettingsError(`${name} is "${given}": it must be one of ${words.join(', ')}`)
    return word
  }
  const whole = (name: string, { least, most, otherwise }: Bounds): number => {
    const given = text(name, String(otherwise))
    const number = /^\d+$/.test(given) ? Number(given) : Number.NaN
    if (number >= least && number <= most) return number
    throw new SettingsError(`${name} is "${given}": it must be a whole number from ${least} to ${most}`)
  }
  const port = (name: string, otherwise: number): number => whole(name, { least: 0, most: maxPort, otherwise })
  const yes = (name: string, otherwise: 'true' | 'false'): boolean =>
    oneOf(name, ['true', 'false'], otherwise) === 'true'
  const credentials = credentialsFrom(environment)
  const access = (service: string): AwsAccess => {
    const endpoint = environment[`AWS_ENDPOINT_URL_${service}`] || environment['AWS_ENDPOINT_URL']
    const region = environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION']
    return { credentials, ...(region && { region }), ...(endpoint && { endpoint }) }
  }
  const store = oneOf('WADI_STORE', ['local', 'memory', 'aws'], 'local')
  return {
    store,
    data: text('WADI_DATA', '.wadi'),
    fsync: yes('WADI_FSYNC', 'false'),
    kafkaPort: port('WADI_KAFKA_PORT', 9092),
    httpPort: port('WADI_HTTP_PORT', 8080),
    lingerMs: whole('WADI_LINGER_MS', { least: 0, most: maxLingerMs, otherwise: defaultLingerMs[store] }),
    autoCreateTopics: yes('WADI_AUTO_CREATE_TOPICS', 'true'),
    numPartitions: whole('WADI_NUM_PARTITIONS', { least: 1, most: 1000, otherwise: 1 }),
    aws: {
      table: text('WADI_TABLE', 'wadi'),
      bucket: text('WADI_BUCKET', 'wadi'),
      dynamo: access('DYNAMODB'),
      s3: access('S3'),
    },
    node: nodeFrom(environment),
    commit: environment['WADI_COMMIT'] || undefined,
  }
}

const nodeFrom = (environment: Environment): NodeAddress | undefined => {
  const given = environment['WADI_ADVERTISE']
  if (!given) return undefined
  const [, host, digits] = /^\[?([\w.:-]+?)\]?:(\d+)$/.exec(given) ?? []
  const port = Number(digits)
  if (host === undefined || port < 1 || port > maxPort) {
    throw new SettingsError(`WADI_ADVERTISE is "${given}": it must be a host and a port, as in 10.0.0.7:9092`)
  }
  return { host, port, zone: environment['WADI_ZONE'] || null }
}

/**
 * Those of the environment, which a function is given anew before they expire; those of the machine where it has none, or
 * where a profile is asked for.
 */
const credentialsFrom = (environment: Environment): (() => Promise<AwsCredentials>) => {
  const accessKeyId = environment['AWS_ACCESS_KEY_ID']
  const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY']
  const sessionToken = environment['AWS_SESSION_TOKEN']
  if (!accessKeyId || !secretAccessKey || environment['AWS_PROFILE']) return machineCredentials()
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }
  return async () => credentials
}

type Bounds = { readonly least: number; readonly most: number; readonly otherwise: number }
