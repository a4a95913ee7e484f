import { Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Code } from 'aws-cdk-lib/aws-lambda'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { describe, expect, test } from 'vitest'
import { checkStores } from '../../lib/aws.ts'
import { realClock } from '../../lib/clock.ts'
import type { IWadi } from '../../lib/infra/grants.ts'
import { Wadi } from '../../lib/infra/wadi.ts'
import { makeInstance } from '../../lib/instance.ts'
import { defaultRules } from '../../lib/journal/journal.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { brokerWorld } from '../broker/world.ts'
import { batch } from '../support/batches.ts'
import { guardedItems, guardedObjects } from './guarded.ts'
import { flattened, isAllowed, listOf, type Statement } from './policy.ts'
import { bucketId, tableId } from './role-statements.ts'
import { testApp } from './synthesized.ts'

const code = (): Code => Code.fromInline('exports.handler = async () => {}')

/** The statements that a role of somebody else has got. */
const statementsOf = (grant: (wadi: Wadi, role: Role) => void): readonly Statement[] => {
  const stack = new Stack(testApp(), 'Stack')
  const wadi = new Wadi(stack, 'Wadi', { code })
  const role = new Role(stack, 'Worker', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
  grant(wadi, role)
  const policies = Template.fromStack(stack).findResources('AWS::IAM::Policy')
  return Object.values(policies).flatMap(({ Properties }) => Properties.PolicyDocument.Statement)
}

const may = (statements: readonly Statement[], call: string): boolean => {
  const [api = ''] = flattened(listOf(statements[0]?.Resource)[0] ?? '').split('/')
  return isAllowed(statements, { action: 'execute-api:Invoke', resource: `${api}/$default/${call}` })
}

/** The first synthesis of a process loads all of the library. */
const slowMs = 120_000

describe('a grant covers what it says', { timeout: slowMs }, () => {
  const calls = {
    produce: 'POST/v1/topics/orders/records',
    produceOther: 'POST/v1/topics/payments/records',
    read: 'GET/v1/topics/orders/records',
    group: 'POST/v1/groups/billing/poll',
    otherGroup: 'POST/v1/groups/other/poll',
    kafka: 'POST/kafka/groups',
    delete: 'DELETE/v1/topics/orders',
  }
  const names = Object.keys(calls)

  test.each<[string, (wadi: IWadi, role: Role) => void, readonly string[]]>([
    ['grantProduce', (wadi, role) => wadi.topic('orders').grantProduce(role), ['produce']],
    ['grantConsume', (wadi, role) => wadi.topic('orders').grantConsume(role, { group: 'billing' }), ['read', 'group']],
    ['grantKafka', (wadi, role) => wadi.grantKafka(role), ['kafka']],
    ['grantAdmin', (wadi, role) => wadi.grantAdmin(role), names],
  ])('%s', (_, grant, allowed) => {
    const statements = statementsOf(grant)
    const granted = Object.entries(calls).filter(([, call]) => may(statements, call))
    expect(granted.map(([name]) => name)).toEqual(allowed)
  })

  test('grantDirect, of which nothing deletes', () => {
    const statements = statementsOf((wadi, role) => wadi.grantDirect(role))
    const actions = statements.flatMap(({ Action }) => Action)
    expect(actions.toSorted()).toEqual([
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
    ])
  })

  test('grantDirect, by which a gateway starts, registers, appends, reads and leaves', async () => {
    const statements = statementsOf((wadi, role) => wadi.grantDirect(role))
    const denied: string[] = []
    const guard = { statements, table: tableId, bucket: bucketId, denied }
    const stores = {
      items: guardedItems(memoryItems(), guard),
      objects: guardedObjects(memoryObjects(realClock.now), guard),
    }
    await checkStores(stores)
    const instance = makeInstance(
      { ...stores, rules: defaultRules, keepsReads: true, leavesHints: true, close: () => {} },
      {
        lingerMs: 0,
        autoCreateTopics: true,
        numPartitions: 1,
        log: (line) => denied.push(line),
        node: { host: 'gateway.test', port: 9092, zone: null },
      },
    )
    await instance.join()
    const { createTopic, produce, values } = brokerWorld(instance.context)
    await createTopic('orders')
    const large = 'an object '.repeat(10_000)
    for (const value of ['a row', large]) await produce('orders', batch({ value }))
    expect(await values('orders')).toEqual(['a row', large])
    await instance.leave()
    expect(denied).toEqual([])
  })

  test('of another stack', () => {
    const stack = new Stack(testApp(), 'Stack')
    const wadi = Wadi.fromAttributes(stack, 'Wadi', { apiId: 'abc', apiUrl: 'https://abc.example' })
    const role = new Role(stack, 'Worker', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
    wadi.topic('orders').grantProduce(role)
    expect(JSON.stringify(Template.fromStack(stack).findResources('AWS::IAM::Policy'))).toContain(
      ':abc/*/POST/v1/topics/orders/records',
    )
    expect(wadi.apiUrl).toBe('https://abc.example')
  })
})

test('an ephemeral one leaves nothing behind', () => {
  const stack = new Stack(testApp(), 'Stack')
  const { table, bucket } = Wadi.ephemeral(stack, 'Preview', { code })
  const template = Template.fromStack(stack)
  for (const type of ['AWS::DynamoDB::Table', 'AWS::S3::Bucket'])
    template.hasResource(type, { DeletionPolicy: 'Delete' })
  expect([table.stack, bucket.stack]).toEqual([stack, stack])
})

test('a stack may have two, and its own names for what it exports', () => {
  const stack = new Stack(testApp(), 'Stack')
  for (const id of ['One', 'Two']) new Wadi(stack, id, { code })
  expect(Object.keys(Template.fromStack(stack).findOutputs('*'))).toHaveLength(10)
})

test('alarms tell whom they are to tell, and metrics make alarms of one`s own', () => {
  const stack = new Stack(testApp(), 'Stack')
  const wadi = new Wadi(stack, 'Wadi', { code, notify: new Topic(stack, 'Notify') })
  wadi.metricRequests().createAlarm(stack, 'Busy', { threshold: 1000, evaluationPeriods: 1 })
  wadi.metricServerErrors().createAlarm(stack, 'Broken', { threshold: 1, evaluationPeriods: 1 })
  wadi.metricProduceLatency().createAlarm(stack, 'Slow', { threshold: 100, evaluationPeriods: 1 })
  wadi.metricMaintenanceErrors().createAlarm(stack, 'Untidy', { threshold: 1, evaluationPeriods: 1 })
  const alarms = Object.values(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm'))
  expect(alarms.filter(({ Properties }) => Properties.AlarmActions?.length === 1)).toHaveLength(7)
  expect(alarms).toHaveLength(11)
})
