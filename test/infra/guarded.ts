import { type Items, StoreSetupError } from '../../lib/store/items.ts'
import { ObjectNotFound, type Objects } from '../../lib/store/objects.ts'
import { isAllowed, type Statement } from './policy.ts'

export type Guard = {
  readonly statements: readonly Statement[]
  readonly table: string
  readonly bucket: string
  /** What was asked and is not allowed. */
  readonly denied: string[]
}

/** The same items, for whoever has only this role. */
export const guardedItems = (items: Items, { statements, table, denied }: Guard): Items => {
  const ask = async (action: string, partition: string): Promise<void> => {
    if (isAllowed(statements, { action, resource: table, keys: { 'dynamodb:LeadingKeys': partition } })) return
    denied.push(`${action} ${partition}`)
    throw new StoreSetupError(`access is denied: ${action} ${partition}`)
  }
  const guarded =
    <Arguments extends readonly unknown[], Answer>(
      action: string,
      call: (...given: Arguments) => Promise<Answer>,
      partitionOf: (given: Arguments) => string,
    ) =>
    async (...given: Arguments): Promise<Answer> => {
      await ask(action, partitionOf(given))
      return call(...given)
    }
  return {
    get: guarded('dynamodb:GetItem', items.get, ([{ partition }]) => partition),
    query: guarded('dynamodb:Query', items.query, ([partition]) => partition),
    putIfAbsent: guarded('dynamodb:PutItem', items.putIfAbsent, ([{ partition }]) => partition),
    replace: guarded('dynamodb:PutItem', items.replace, ([{ partition }]) => partition),
    delete: guarded('dynamodb:DeleteItem', items.delete, ([{ partition }]) => partition),
  }
}

/** The same objects. As in S3, whoever may not list is not told that an object is not there. */
export const guardedObjects = (objects: Objects, { statements, bucket, denied }: Guard): Objects => {
  const refused = (what: string): StoreSetupError => {
    denied.push(what)
    return new StoreSetupError(`access is denied: ${what}`)
  }
  const ask = (action: string, key: string): void => {
    if (!isAllowed(statements, { action, resource: `${bucket}/${key}` })) throw refused(`${action} ${key}`)
  }
  const mayList = (): boolean => isAllowed(statements, { action: 's3:ListBucket', resource: bucket })
  return {
    putIfAbsent: async (key, parts) => {
      ask('s3:PutObject', key)
      return objects.putIfAbsent(key, parts)
    },
    read: async (key, range) => {
      ask('s3:GetObject', key)
      return objects.read(key, range).catch((error) => {
        throw error instanceof ObjectNotFound && !mayList() ? refused(`s3:GetObject ${key}, not there`) : error
      })
    },
    delete: async (key) => {
      ask('s3:DeleteObject', key)
      return objects.delete(key)
    },
    list: async (prefix, after) => {
      if (!mayList()) throw refused(`s3:ListBucket ${prefix}`)
      return objects.list(prefix, after)
    },
  }
}
