import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Match } from 'aws-cdk-lib/assertions'
import { describe, expect, test } from 'vitest'
import { monitoringMonth } from '../../lib/store/price.ts'
import { ofType, only, synthesized } from './synthesized.ts'

const aws = synthesized()
const local = synthesized({ local: 'true' })

/** A new logical id is a new table: whoever changes these replaces the data of every installation. */
const storageIds = {
  'AWS::DynamoDB::Table': 'WadiStorageTableC89C9985',
  'AWS::S3::Bucket': 'WadiStorageBucketAB7E073A',
  'AWS::S3::BucketPolicy': 'WadiStorageBucketPolicy21D77CE7',
}

describe('table and bucket', () => {
  test.each(Object.entries(storageIds))('an upgrade replaces no %s', (type, id) => {
    expect(Object.keys(ofType(aws, type))).toEqual([id])
  })

  test('an upgrade changes nothing of the table that would replace it', () => {
    const { KeySchema, AttributeDefinitions, TableName } = only(aws, 'AWS::DynamoDB::Table').Properties
    expect(KeySchema).toEqual([
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ])
    expect(AttributeDefinitions).toEqual([
      { AttributeName: 'pk', AttributeType: 'S' },
      { AttributeName: 'sk', AttributeType: 'S' },
    ])
    expect(TableName).toBeUndefined()
    expect(only(aws, 'AWS::S3::Bucket').Properties['BucketName']).toBeUndefined()
  })

  test.each(Object.keys(storageIds))('%s outlives the stack', (type) => {
    expect(only(aws, type)).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
  })

  test('the table has backups of every second, and cannot be deleted by mistake', () => {
    expect(only(aws, 'AWS::DynamoDB::Table').Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      DeletionProtectionEnabled: true,
    })
  })

  test('the bucket is closed to the public, encrypted, and forgets uploads that were given up', () => {
    expect(only(aws, 'AWS::S3::Bucket').Properties).toMatchObject({
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      LifecycleConfiguration: {
        Rules: [{ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, Status: 'Enabled' }],
      },
    })
  })

  test.each([
    ['a put that could overwrite', { Action: 's3:PutObject', Condition: { Null: { 's3:if-none-match': 'true' } } }],
    ['plain HTTP', { Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }],
    ['old TLS', { Action: 's3:*', Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } }],
  ])('the bucket denies %s, whoever asks', (_, statement) => {
    const { PolicyDocument } = only(aws, 'AWS::S3::BucketPolicy').Properties
    const denied = { ...statement, Effect: 'Deny', Principal: { AWS: '*' } }
    expect(PolicyDocument).toMatchObject({ Statement: expect.arrayContaining([expect.objectContaining(denied)]) })
  })

  test.each([{ ephemeral: 'true' }, { local: 'true' }])('go with the stack where that is said: %j', (context) => {
    const those = synthesized(context)
    expect(only(those, 'AWS::DynamoDB::Table')).toMatchObject({
      DeletionPolicy: 'Delete',
      Properties: {
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: false },
        DeletionProtectionEnabled: false,
      },
    })
    expect(only(those, 'AWS::S3::Bucket').DeletionPolicy).toBe('Delete')
  })

  test('a new stack takes over what an earlier one has left', () => {
    const adopted = synthesized({ existingTable: 'left-table', existingBucket: 'left-bucket' })
    for (const type of Object.keys(storageIds)) expect(ofType(adopted, type)).toEqual({})
    const environment = { WADI_TABLE: 'left-table', WADI_BUCKET: 'left-bucket' }
    adopted.template.allResourcesProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike(environment) },
    })
    adopted.template.hasOutput('TableName', { Value: 'left-table' })
  })
})

describe('the functions', () => {
  const functions = Object.values(ofType(aws, 'AWS::Lambda::Function')).map(({ Properties }) => Properties)

  test('run on Node 24 and arm64, outside of a network of ours, and log little for two weeks', () => {
    expect(functions).toHaveLength(5)
    for (const one of functions) {
      expect(one).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        LoggingConfig: { LogFormat: 'JSON', SystemLogLevel: 'WARN' },
      })
      expect(one['VpcConfig']).toBeUndefined()
    }
    const logs = Object.values(ofType(aws, 'AWS::Logs::LogGroup'))
    expect(logs.map(({ Properties }) => Properties['RetentionInDays'])).toEqual([14, 14, 14, 14, 14])
  })

  test('maintenance runs each minute, and is not tried again', () => {
    expect(only(aws, 'AWS::Events::Rule').Properties).toMatchObject({
      ScheduleExpression: 'rate(1 minute)',
      Targets: [{ RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } }],
    })
  })

  test('reserve no executions, which new accounts cannot, unless that is said: then one for maintenance', () => {
    expect(JSON.stringify(aws.resources)).not.toContain('ReservedConcurrentExecutions')
    const reserving = Object.values(ofType(synthesized({ reservesConcurrency: 'true' }), 'AWS::Lambda::Function'))
    const reserved = reserving.filter(({ Properties }) => Properties['ReservedConcurrentExecutions'] !== undefined)
    expect(reserved.map(({ Properties }) => Properties)).toMatchObject([
      { Description: 'Wadi: maintenance', ReservedConcurrentExecutions: 1 },
    ])
  })
})

describe('the API', () => {
  test('lets nobody in who does not sign', () => {
    const routes = Object.values(ofType(aws, 'AWS::ApiGatewayV2::Route'))
    expect(routes.length).toBeGreaterThan(10)
    for (const { Properties } of routes) expect(Properties['AuthorizationType']).toBe('AWS_IAM')
    aws.template.allResourcesProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.not(Match.objectLike({ WADI_AUTH: 'keys' })) },
    })
  })

  test('takes keys where that is said, which the functions check', () => {
    const hash = 'a'.repeat(64)
    const keyed = synthesized({ auth: 'apiKeys', apiKeys: `one:${hash},two:${hash}` })
    const variables = { WADI_AUTH: 'keys', WADI_API_KEYS: `one:${hash},two:${hash}` }
    const doors = { Environment: { Variables: Match.objectLike(variables) } }
    keyed.template.resourcePropertiesCountIs('AWS::Lambda::Function', doors, 4)
  })

  test.each([{ auth: 'none' }, { auth: 'apiKeys' }, { auth: 'apiKeys', apiKeys: 'a-token' }])(
    'is never open: %j is refused',
    (context) => {
      expect(() => synthesized(context)).toThrow(/auth|apiKeys/)
    },
  )

  test('takes no more than so many requests', () => {
    expect(only(aws, 'AWS::ApiGatewayV2::Stage').Properties).toMatchObject({
      StageName: '$default',
      DefaultRouteSettings: { ThrottlingRateLimit: 500, ThrottlingBurstLimit: 1000 },
    })
  })

  test('function URLs are beside it where that is said, for who signs', () => {
    expect(ofType(aws, 'AWS::Lambda::Url')).toEqual({})
    const withUrls = synthesized({ functionUrls: 'true' })
    const urls = Object.values(ofType(withUrls, 'AWS::Lambda::Url'))
    expect(urls.map(({ Properties }) => Properties['AuthType'])).toEqual(Array(4).fill('AWS_IAM'))
    expect(Object.keys(withUrls.template.findOutputs('*'))).toContain('ProduceUrl')
  })

  test('a signature lets in at a function URL where the API takes keys', () => {
    const both = synthesized({ auth: 'apiKeys', apiKeys: `one:${'a'.repeat(64)}`, functionUrls: 'true' })
    const doors = { Environment: { Variables: Match.objectLike({ WADI_AUTH: 'iam' }) } }
    both.template.resourcePropertiesCountIs('AWS::Lambda::Function', doors, 4)
  })

  test('is a REST API in an emulator, which has nothing else', () => {
    expect(ofType(local, 'AWS::ApiGatewayV2::Api')).toEqual({})
    expect(only(local, 'AWS::ApiGateway::RestApi').Properties).toMatchObject({ BinaryMediaTypes: ['*/*'] })
    const types = new Set(Object.values(local.resources).map(({ Type }) => Type))
    expect([...types].filter((type) => type.startsWith('AWS::CloudWatch'))).toEqual([])
  })

  test('both kinds have the same routes', () => {
    const http = Object.values(ofType(aws, 'AWS::ApiGatewayV2::Route')).map(({ Properties }) => Properties['RouteKey'])
    const parents = ofType(local, 'AWS::ApiGateway::Resource')
    const pathOf = (reference: unknown): string => {
      const id = JSON.stringify(reference).match(/"Ref":"(\w+)"/)?.[1] ?? ''
      const resource = parents[id]
      if (resource === undefined) return ''
      return `${pathOf(resource.Properties['ParentId'])}/${resource.Properties['PathPart']}`
    }
    const rest = Object.values(ofType(local, 'AWS::ApiGateway::Method')).map(
      ({ Properties }) => `${Properties['HttpMethod']} ${pathOf(Properties['ResourceId'])}`,
    )
    expect(rest).toEqual(expect.arrayContaining(http.filter((key) => key !== '$default')))
  })
})

test('outputs have names that stay', () => {
  const names = ['ApiUrl', 'BucketName', 'KafkaUrl', 'TableName', 'Version']
  for (const { template } of [aws, local]) expect(Object.keys(template.findOutputs('*')).toSorted()).toEqual(names)
})

describe('alarms', () => {
  const runbook = readFileSync(fileURLToPath(new URL('../../lib/infra/runbook.md', import.meta.url)), 'utf8')
  const chapters = [...runbook.matchAll(/^## (\w+)$/gm)].map(([, name]) => name)
  const alarms = Object.values(ofType(aws, 'AWS::CloudWatch::Alarm'))

  test('each has a chapter in the runbook, which says what it means, where to look and what to do', () => {
    const named = alarms.map(
      ({ Properties }) => /\(runbook: (\w+)\)$/.exec(String(Properties['AlarmDescription']))?.[1],
    )
    expect(chapters.toSorted()).toEqual(named.toSorted())
    for (const chapter of runbook.split(/^## /m).slice(1)) {
      for (const part of ['**Meaning.**', '**Look.**', '**Do.**']) expect(chapter).toContain(part)
    }
  })

  test('are few: each costs money', () => {
    expect(alarms.length).toBeLessThanOrEqual(8)
    expect(ofType(synthesized({ monitoring: 'false' }), 'AWS::CloudWatch::Alarm')).toEqual({})
  })

  test('and dashboards are as many as `wadi cost` charges for, by what wadi.ts says of them', () => {
    const dashboards = Object.keys(ofType(aws, 'AWS::CloudWatch::Dashboard')).length
    expect(monitoringMonth).toMatchObject({ alarms: alarms.length, dashboards })
    expect(monitoringMonth.usd).toBeCloseTo(0.7 + 3)
  })
})
