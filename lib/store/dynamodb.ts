import {
  type AttributeValue,
  ConditionalCheckFailedException,
  CreateTableCommand,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ResourceInUseException,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb'
import { type AwsAccess, clientOptions, failureOf, readError, setupError } from './aws-client.ts'
import { checkItemBody, type Item, type ItemKey, type Items, type NewItem, type Unknown } from './items.ts'
import { compareBytewise } from './order.ts'

/**
 * `Items` in one DynamoDB table. Every write is a conditional `PutItem`, tried once.
 * Throws `StoreSetupError` where only a person can help; it says nothing about earlier tries of the same write.
 *
 *   pk  S  partition   (hash key)        a  S  attempt
 *   sk  S  sort        (range key)       v  N  version       b  B  body
 */
export const dynamoItems = (access: AwsAccess, table: string): Items & Disposable => {
  const client = new DynamoDBClient(clientOptions(access, itemTimeoutMs))
  const where = `the table ${table}`

  const get = async (key: ItemKey, consistent: boolean): Promise<Item | undefined> => {
    try {
      const command = new GetItemCommand({ TableName: table, Key: keyOf(key), ConsistentRead: consistent })
      const { Item } = await client.send(command)
      return Item === undefined ? undefined : itemOf(Item)
    } catch (error) {
      throw readError(error, `get ${key.partition} ${key.sort}`, where)
    }
  }

  /** `refused`: the condition failed, with the item that is there. */
  const put = async (key: ItemKey, item: NewItem, version: number, condition: Condition): Promise<Written> => {
    checkItemBody(item.body)
    try {
      await client.send(
        new PutItemCommand({
          TableName: table,
          Item: {
            ...keyOf(key),
            a: { S: item.attempt },
            v: { N: String(version) },
            b: { B: item.body },
          },
          ...condition,
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      )
      return { outcome: 'stored' }
    } catch (cause) {
      if (cause instanceof ConditionalCheckFailedException) return refused(key, cause.Item)
      const failure = failureOf(cause)
      if (failure === 'unknown') return { outcome: 'unknown', cause }
      throw failure === 'setup' ? setupError(cause, where) : cause
    }
  }

  /** Some emulators do not say what is there; DynamoDB says nothing when nothing is there. */
  const refused = async (key: ItemKey, present: Attributes | undefined): Promise<Written> => {
    if (present !== undefined) return { outcome: 'refused', present: itemOf(present) }
    try {
      return { outcome: 'refused', present: await get(key, true) }
    } catch (cause) {
      return { outcome: 'unknown', cause }
    }
  }

  return {
    get: (key, { consistent }) => get(key, consistent),

    query: async (partition, { after, before, limit, consistent }) => {
      if (compareBytewise(after, before) >= 0) return { items: [], end: true }
      try {
        const page = await client.send(
          new QueryCommand({
            TableName: table,
            KeyConditionExpression: 'pk = :p AND sk < :before',
            ExpressionAttributeValues: { ':p': { S: partition }, ':before': { S: before } },
            // The start need not exist; an empty sort key is refused, and nothing sorts below it.
            ...(after !== '' && { ExclusiveStartKey: keyOf({ partition, sort: after }) }),
            Limit: limit,
            ConsistentRead: consistent,
          }),
        )
        return { items: (page.Items ?? []).map(itemOf), end: page.LastEvaluatedKey === undefined }
      } catch (error) {
        throw readError(error, `query ${partition}`, where)
      }
    },

    putIfAbsent: async (key, item) => {
      const written = await put(key, item, 1, { ConditionExpression: 'attribute_not_exists(pk)' })
      if (written.outcome !== 'refused') return written
      if (written.present !== undefined) return { outcome: 'taken', by: written.present }
      return { outcome: 'unknown', cause: new Error(`${key.partition} ${key.sort} was taken and is gone`) }
    },

    replace: async (key, item, version) => {
      const condition = { ConditionExpression: 'v = :v', ExpressionAttributeValues: { ':v': { N: String(version) } } }
      const written = await put(key, item, version + 1, condition)
      return written.outcome === 'refused' ? { outcome: 'conflict', current: written.present } : written
    },

    delete: async (key) => {
      try {
        await client.send(new DeleteItemCommand({ TableName: table, Key: keyOf(key) }))
      } catch (error) {
        throw readError(error, `delete ${key.partition} ${key.sort}`, where)
      }
    },

    [Symbol.dispose]: () => client.destroy(),
  }
}

/** Makes the table on demand capacity unless it exists, and waits until it can be used. For emulators and tests. */
export const createTable = async (access: AwsAccess, table: string): Promise<void> => {
  const client = new DynamoDBClient(clientOptions(access, setupTimeoutMs))
  try {
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    )
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw readError(error, 'create the table', table)
  }
  await waitUntilTableExists({ client, maxWaitTime: maxCreationSeconds }, { TableName: table })
  client.destroy()
}

/** Ten times what a consistent put takes at its 99th percentile, with room for the rare slow one. */
const itemTimeoutMs = 800

const setupTimeoutMs = 10_000

const maxCreationSeconds = 60

type Attributes = Record<string, AttributeValue>

type Condition = { ConditionExpression: string; ExpressionAttributeValues?: Attributes }

type Written =
  | { readonly outcome: 'stored' }
  | { readonly outcome: 'refused'; readonly present: Item | undefined }
  | Unknown

const keyOf = ({ partition, sort }: ItemKey): Attributes => ({ pk: { S: partition }, sk: { S: sort } })

const itemOf = ({ sk, a, v, b }: Attributes): Item => {
  const body = b?.B
  if (sk?.S === undefined || a?.S === undefined || v?.N === undefined || body === undefined) {
    throw new Error(`an item without attempt, version or body: ${sk?.S}`)
  }
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return { sort: sk.S, attempt: a.S, version: Number(v.N), body: bytes }
}
