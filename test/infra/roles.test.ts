import { describe, expect, test } from 'vitest'
import { directPermissions } from '../../lib/infra/permissions.ts'
import { flattened, isAllowed, listOf, type Statement } from './policy.ts'
import { bucketId, bucketPolicy, functionNames, rolesOf, tableId } from './role-statements.ts'
import { synthesized } from './synthesized.ts'

const stack = synthesized()
const roles = rolesOf(stack)

const journalObjects = ['*/*/wal/*', '*/*/seg/*', '*/*/ckpt/*']
const groupObjects = 'groups/*/*'

/** Everything that each function may do. What is not here, it may not. */
const expected: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  produce: {
    'dynamodb:GetItem': ['T', 'I', 'J#*#*', 'P', 'M'],
    'dynamodb:Query': ['T', 'I', 'J#*#*', 'P', 'M'],
    'dynamodb:PutItem': ['J#*#*', 'P', 'W'],
    's3:GetObject': journalObjects,
    's3:PutObject': journalObjects,
    's3:ListBucket': [''],
  },
  fetch: {
    'dynamodb:GetItem': ['T', 'I', 'J#*#*'],
    'dynamodb:Query': ['T', 'I', 'J#*#*'],
    's3:GetObject': journalObjects,
    's3:ListBucket': [''],
  },
  admin: {
    'dynamodb:GetItem': ['T', 'I', 'J#*#*', 'D', 'M'],
    'dynamodb:Query': ['T', 'I', 'J#*#*', 'D', 'M'],
    'dynamodb:PutItem': ['T', 'I', 'D', 'M', 'J#*#*'],
    's3:GetObject': journalObjects,
    's3:ListBucket': [''],
  },
  groups: {
    'dynamodb:GetItem': ['T', 'I', 'J#*#*', 'G', 'O#*', 'M'],
    'dynamodb:Query': ['T', 'I', 'J#*#*', 'G', 'O#*', 'M'],
    'dynamodb:PutItem': ['G', 'O#*', 'T', 'I', 'J#*#*', 'W'],
    's3:GetObject': [...journalObjects, groupObjects],
    's3:PutObject': [...journalObjects, groupObjects],
    's3:ListBucket': [''],
  },
  maintenance: {
    'dynamodb:GetItem': ['T', 'I', 'J#*#*', 'W', 'D', 'G', 'O#*'],
    'dynamodb:Query': ['T', 'I', 'J#*#*', 'W', 'D', 'G', 'O#*'],
    'dynamodb:PutItem': ['W', 'D', 'J#*#*', 'G'],
    'dynamodb:DeleteItem': ['W', 'I', 'D', 'J#*#*', 'O#*'],
    's3:GetObject': [...journalObjects, groupObjects],
    's3:PutObject': journalObjects,
    's3:DeleteObject': [...journalObjects, groupObjects],
    's3:ListBucket': [''],
  },
}

/** Of each action: which partitions of the table, or which keys of the bucket. */
const grantsIn = (statements: readonly Statement[]): Readonly<Record<string, readonly string[]>> => {
  const grants: Record<string, string[]> = {}
  for (const { Action, Resource, Condition } of statements) {
    const partitions = Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys']
    const keys = listOf(Resource).map((resource) => flattened(resource).replace(bucketId, '').replace(/^\//, ''))
    for (const action of listOf(Action).map(String)) {
      if (action.startsWith('logs:')) continue
      grants[action] ??= []
      grants[action].push(...(partitions ? listOf(partitions).map(String) : keys))
    }
  }
  return grants
}

describe.each(functionNames)('the role of %s', (name) => {
  const statements = roles[name]

  test('allows exactly this', () => {
    expect(grantsIn(statements)).toEqual(expected[name])
  })

  test('names actions one by one, and no resource but the table, the bucket and its own log', () => {
    for (const { Effect, Action, Resource } of statements) {
      expect(Effect).toBe('Allow')
      expect(listOf(Action).filter((action) => String(action).includes('*'))).toEqual([])
      for (const resource of listOf(Resource).map(flattened)) {
        expect(resource).toMatch(new RegExp(`^(${tableId}|${bucketId}(/.*)?|Wadi(Maintenance)*${name}Log\\w{8})$`, 'i'))
      }
    }
  })

  test('lets it do to the table only what is tied to partitions', () => {
    const untied = statements.filter(
      ({ Action, Condition }) => listOf(Action).some((action) => String(action).startsWith('dynamodb:')) && !Condition,
    )
    expect(untied).toEqual([])
  })
})

test('only maintenance deletes', () => {
  const deleting = functionNames.filter((name) => JSON.stringify(roles[name]).includes(':Delete'))
  expect(deleting).toEqual(['maintenance'])
})

test('a gateway that works on the stores itself deletes nothing', () => {
  expect([directPermissions.deletesItems, directPermissions.deletesObjects]).toEqual([[], []])
})

describe('a policy simulation', () => {
  const may = (name: (typeof functionNames)[number], action: string, resource: string, partition?: string): boolean =>
    isAllowed(roles[name], {
      action,
      resource,
      ...(partition !== undefined && { keys: { 'dynamodb:LeadingKeys': partition } }),
    })

  test('lets fetch read', () => {
    expect(may('fetch', 'dynamodb:Query', tableId, 'J#topic#0')).toBe(true)
    expect(may('fetch', 's3:GetObject', `${bucketId}/topic/0/wal/1-x`)).toBe(true)
  })

  test.each([
    ['dynamodb:PutItem', tableId, 'J#topic#0'],
    ['dynamodb:UpdateItem', tableId, 'J#topic#0'],
    ['dynamodb:DeleteItem', tableId, 'J#topic#0'],
    ['dynamodb:Scan', tableId, undefined],
    ['dynamodb:GetItem', tableId, 'G'],
    ['dynamodb:GetItem', 'another-table', 'T'],
    ['s3:PutObject', `${bucketId}/topic/0/wal/1-x`, undefined],
    ['s3:DeleteObject', `${bucketId}/topic/0/wal/1-x`, undefined],
    ['s3:GetObject', `${bucketId}/groups/life/1-x`, undefined],
  ])('denies fetch %s on %s %s', (action, resource, partition) => {
    expect(may('fetch', action, resource, partition)).toBe(false)
  })

  test.each([
    ['an object that is put where none is', { 's3:if-none-match': '*', 'aws:SecureTransport': 'true' }, true],
    ['an object that is put over another', { 'aws:SecureTransport': 'true' }, false],
    ['an object that is put in plain', { 's3:if-none-match': '*', 'aws:SecureTransport': 'false' }, false],
  ])('the policy of the bucket: %s', (_, keys, allowed) => {
    const resource = `${bucketId}/topic/0/wal/1-x`
    const statements = [...roles.produce, ...bucketPolicy(stack)]
    expect(isAllowed(statements, { action: 's3:PutObject', resource, keys })).toBe(allowed)
  })
})
