import { type Duration, RemovalPolicy } from 'aws-cdk-lib'
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import {
  ApplicationLogLevel,
  Architecture,
  type Code,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { FunctionName } from './bundle.ts'
import { permissions } from './permissions.ts'
import { acknowledgeKeys, statementsFor } from './roles.ts'
import type { Storage } from './storage.ts'

export type HandlerProps = {
  readonly stores: Storage
  readonly code: Code
  readonly timeout: Duration
  readonly memorySizeMb: number
  readonly environment: Readonly<Record<string, string>>
  readonly reservedConcurrency?: number
}

/** One function with its role and its log. */
export class Handler extends Construct {
  readonly function: LambdaFunction
  readonly role: Role

  constructor(scope: Construct, name: FunctionName, props: HandlerProps) {
    super(scope, `${name.charAt(0).toUpperCase()}${name.slice(1)}`)
    const { stores, code, timeout, memorySizeMb, environment, reservedConcurrency } = props
    const logGroup = new LogGroup(this, 'Log', {
      retention: RetentionDays.TWO_WEEKS,
      removalPolicy: RemovalPolicy.DESTROY,
    })
    const log = new PolicyStatement({
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    })
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: {
        Wadi: new PolicyDocument({ statements: [...statementsFor(permissions[name], stores), log] }),
      },
    })
    acknowledgeKeys(this.role, permissions[name], stores)
    this.function = new LambdaFunction(this, 'Function', {
      description: `Wadi: ${name}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: 'index.handler',
      code,
      role: this.role,
      timeout,
      memorySize: memorySizeMb,
      environment: { ...environment },
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      // START, END and REPORT lines cost about as much as the calls.
      systemLogLevelV2: SystemLogLevel.WARN,
      applicationLogLevelV2: ApplicationLogLevel.INFO,
      retryAttempts: 0,
      ...(reservedConcurrency !== undefined && { reservedConcurrentExecutions: reservedConcurrency }),
    })
  }
}
