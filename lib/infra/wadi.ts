import { CfnOutput, Duration, RemovalPolicy } from 'aws-cdk-lib'
import type { Dashboard, Metric } from 'aws-cdk-lib/aws-cloudwatch'
import type { ITable, Table } from 'aws-cdk-lib/aws-dynamodb'
import type { Grant, IGrantable } from 'aws-cdk-lib/aws-iam'
import { type Code, FunctionUrlAuthType, type IFunction } from 'aws-cdk-lib/aws-lambda'
import type { Bucket, IBucket } from 'aws-cdk-lib/aws-s3'
import type { ITopic as INotificationTopic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import { Alarms, addDashboard, metrics, type Watched } from './alarms.ts'
import { type Api, type Auth, type Functions, LocalApi, PublicApi, type Throttle } from './api.ts'
import type { FunctionName } from './bundle.ts'
import { functionCode } from './code.ts'
import { grantsOf, type ITopic, type IWadi } from './grants.ts'
import { Handler } from './handlers.ts'
import { Maintenance } from './maintenance.ts'
import { type Door, directPermissions, doors } from './permissions.ts'
import { statementsFor } from './roles.ts'
import { Storage, type StorageProps } from './storage.ts'

export type WadiProps = StorageProps & {
  /**
   * Who may call. `iam`: whoever signs with AWS credentials that a grant covers. `apiKeys`: whoever has one of `apiKeys`.
   * It is never open.
   * @default 'iam'
   */
  readonly auth?: Auth
  /**
   * Keys that are let in, by name: the SHA-256 of each token, in hexadecimal. Tokens must be random.
   * @default none
   */
  readonly apiKeys?: Readonly<Record<string, string>>
  /**
   * Function URLs beside the API, with IAM. They cost nothing per request, and each is one door.
   * @default false
   */
  readonly functionUrls?: boolean
  /**
   * What the API takes from everybody together. Whatever is above is answered 429, and not paid for.
   * @default 500 each second, 1,000 at once
   */
  readonly throttle?: Throttle
  /**
   * Memory of each function, which also is its share of a processor.
   * @default 512
   */
  readonly memorySizeMb?: number
  /**
   * How often maintenance runs: a call each minute costs about a cent a month when there is nothing to do.
   * @default Duration.minutes(1)
   */
  readonly maintenanceEvery?: Duration
  /**
   * Keeps one of the account's concurrent executions for maintenance, and lets it have no second one. New accounts have
   * ten of them, of which AWS lets nobody reserve any: the deployment would fail.
   * @default false
   */
  readonly reservesConcurrency?: boolean
  /**
   * Seven alarms and a dashboard: $0.70 and $3 a month, beyond the account's ten free alarms and three free dashboards.
   * @default true
   */
  readonly monitoring?: boolean
  /**
   * Is told when an alarm begins.
   * @default nobody
   */
  readonly notify?: INotificationTopic
  /**
   * The URL of the emulator that this is deployed to. It gets a REST API, and neither alarms nor a dashboard.
   * @default AWS
   */
  readonly emulator?: string
  /**
   * What this build was made of.
   * @default ''
   */
  readonly version?: string
  /**
   * The code of a function.
   * @default bundled from `functions/`
   */
  readonly code?: (name: FunctionName) => Code
}

const defaultThrottle: Throttle = { ratePerSecond: 500, burst: 1000 }
const defaultMemorySizeMb = 512
/** An HTTP API waits for half a minute, a REST API for 29 seconds. */
const doorTimeout = Duration.seconds(29)

/**
 * A Kafka-compatible log: a table, a bucket, five functions and an API. Nothing runs and next to nothing is paid while
 * nothing flows, but for what is stored and what watches it (`monitoring`). Table and bucket outlive the stack.
 */
export class Wadi extends Construct implements IWadi {
  readonly storage: Storage
  readonly table: ITable | Table
  readonly bucket: IBucket | Bucket
  readonly functions: Functions
  readonly maintenance: IFunction
  readonly api: Api
  readonly apiUrl: string
  /** Undefined in an emulator, and without monitoring. */
  readonly alarms: Alarms | undefined
  readonly dashboard: Dashboard | undefined
  readonly #watched: Watched

  /** For previews and tests: everything goes with the stack, and there is no backup. */
  static ephemeral(scope: Construct, id: string, props: Omit<WadiProps, 'removalPolicy'> = {}): Wadi {
    return new Wadi(scope, id, { ...props, removalPolicy: RemovalPolicy.DESTROY })
  }

  /** One of another stack, for its grants. */
  static fromAttributes(
    scope: Construct,
    id: string,
    attributes: { readonly apiId: string; readonly apiUrl: string },
  ): IWadi {
    return new ImportedWadi(scope, id, attributes)
  }

  constructor(scope: Construct, id: string, props: WadiProps = {}) {
    super(scope, id)
    const { auth = 'iam', apiKeys = {}, throttle = defaultThrottle, emulator, code = functionCode } = props
    if (auth === 'apiKeys' && Object.keys(apiKeys).length === 0)
      throw new Error('auth "apiKeys" needs at least one key')
    this.storage = new Storage(this, 'Storage', props)
    const { table, bucket } = this.storage
    this.table = table
    this.bucket = bucket
    const settings = (name: FunctionName) => ({
      stores: this.storage,
      code: code(name),
      memorySizeMb: props.memorySizeMb ?? defaultMemorySizeMb,
      environment: { WADI_STORE: 'aws', WADI_TABLE: table.tableName, WADI_BUCKET: bucket.bucketName },
    })
    const door = (name: Door): IFunction => {
      const { environment, ...others } = settings(name)
      // Whoever has signed for a function URL has no header left for a key.
      const isSigned = auth === 'iam' || props.functionUrls === true
      const access = { WADI_AUTH: isSigned ? 'iam' : 'keys', WADI_API_KEYS: apiKeysSetting(apiKeys) }
      return new Handler(this, name, { ...others, timeout: doorTimeout, environment: { ...environment, ...access } })
        .function
    }
    this.functions = { produce: door('produce'), fetch: door('fetch'), admin: door('admin'), groups: door('groups') }
    this.maintenance = new Maintenance(this, 'Maintenance', {
      ...settings('maintenance'),
      every: props.maintenanceEvery ?? Duration.minutes(1),
      reservesConcurrency: props.reservesConcurrency ?? false,
    }).handler.function
    this.api =
      emulator === undefined
        ? new PublicApi(this, 'Api', this.functions, auth, throttle)
        : new LocalApi(this, 'LocalApi', this.functions, emulator)
    this.apiUrl = this.api.url
    this.#watched = {
      apiId: this.api.id,
      functions: this.functions,
      maintenance: this.maintenance,
      tableName: table.tableName,
    }
    if (emulator === undefined && props.monitoring !== false) {
      this.alarms = new Alarms(this, 'Alarms', this.#watched, props.notify)
      this.dashboard = addDashboard(this, 'Dashboard', this.#watched)
    }
    this.#output({ ApiUrl: this.apiUrl, KafkaUrl: `${this.apiUrl}/kafka`, TableName: table.tableName })
    this.#output({ BucketName: bucket.bucketName, Version: props.version ?? '' })
    if (props.functionUrls === true) this.#addFunctionUrls()
  }

  topic(name: string): ITopic {
    return grantsOf(this, this.api.id).topic(name)
  }

  grantKafka(grantee: IGrantable): Grant {
    return grantsOf(this, this.api.id).grantKafka(grantee)
  }

  grantAdmin(grantee: IGrantable): Grant {
    return grantsOf(this, this.api.id).grantAdmin(grantee)
  }

  /** Lets a gateway work on table and bucket itself (`wadi gateway --direct`). It deletes nothing. */
  grantDirect(grantee: IGrantable): void {
    for (const statement of statementsFor(directPermissions, this.storage)) {
      grantee.grantPrincipal.addToPrincipalPolicy(statement)
    }
  }

  metricRequests(): Metric {
    return metrics.requests(this.#watched)
  }

  metricServerErrors(): Metric {
    return metrics.serverErrors(this.#watched)
  }

  /** Milliseconds, 99th percentile. */
  metricProduceLatency(): Metric {
    return metrics.produceLatency(this.#watched)
  }

  metricMaintenanceErrors(): Metric {
    return metrics.maintenanceErrors(this.#watched)
  }

  /** Names that stay, whatever the tree of constructs becomes. A second Wadi of a stack keeps the names of its place. */
  #output(values: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(values)) {
      const output = new CfnOutput(this, name, { value })
      if (this.node.id === 'Wadi') output.overrideLogicalId(name)
    }
  }

  #addFunctionUrls(): void {
    for (const door of doors) {
      const { url } = this.functions[door].addFunctionUrl({ authType: FunctionUrlAuthType.AWS_IAM })
      this.#output({ [`${door.charAt(0).toUpperCase()}${door.slice(1)}Url`]: url })
    }
  }
}

class ImportedWadi extends Construct implements IWadi {
  readonly apiUrl: string
  readonly topic: IWadi['topic']
  readonly grantKafka: IWadi['grantKafka']
  readonly grantAdmin: IWadi['grantAdmin']

  constructor(scope: Construct, id: string, { apiId, apiUrl }: { readonly apiId: string; readonly apiUrl: string }) {
    super(scope, id)
    this.apiUrl = apiUrl
    const { topic, grantKafka, grantAdmin } = grantsOf(this, apiId)
    this.topic = topic
    this.grantKafka = grantKafka
    this.grantAdmin = grantAdmin
  }
}

const apiKeysSetting = (keys: Readonly<Record<string, string>>): string =>
  Object.entries(keys)
    .map(([name, sha256]) => `${name}:${sha256}`)
    .join(',')
