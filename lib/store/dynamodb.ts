import { type AwsAccess, awsClient, domainOf, regionOf } from './aws-client.ts'
import { AwsError, failureOf, readError, setupError } from './aws-failures.ts'
import { checkItemBody, type Item, type ItemKey, type Items, type NewItem, type Unknown } from './items.ts'
import { compareBytewise } from './order.ts'

/**
 * `Items` in one DynamoDB table, through its JSON 1.0 protocol. Every write is a conditional `PutItem`, tried once.
 * Throws `StoreSetupError` where only a person can help; it says nothing about earlier tries of the same write.
 *
 *   pk  S  partition   (hash key)        a  S  attempt
 *   sk  S  sort        (range key)       v  N  version       b  B  body
 */
export const dynamoItems = (access: AwsAccess, table: string): Items & Disposable => {
  const where = `the table ${table}`
  const region = regionOf(access, where)
  const origin = access.endpoint ?? `https://dynamodb.${region}.${domainOf(region)}`
  const client = awsClient(access, { service: 'dynamodb', region, origin, defaultTimeoutMs: itemTimeoutMs })

  /** Throws `AwsError` for every answer but 200. */
  const call = async (operation: string, input: object): Promise<Answer> => {
    const { status, body } = await client.send({
      method: 'POST',
      path: '/',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `DynamoDB_20120810.${operation}` },
      body: [Buffer.from(JSON.stringify({ TableName: table, ...input }))],
    })
    if (status === 200) return JSON.parse(body.toString())
    throw errorOf(status, body)
  }

  const get = async (key: ItemKey, consistent: boolean): Promise<Item | undefined> => {
    try {
      const { Item } = await call('GetItem', { Key: keyOf(key), ConsistentRead: consistent })
      return Item === undefined ? undefined : itemOf(Item)
    } catch (error) {
      throw readError(error, `get ${key.partition} ${key.sort}`, where)
    }
  }

  /** `refused`: the condition failed, with the item that is there. */
  const put = async (key: ItemKey, item: NewItem, version: number, condition: Condition): Promise<Written> => {
    checkItemBody(item.body)
    try {
      await call('PutItem', {
        Item: {
          ...keyOf(key),
          a: { S: item.attempt },
          v: { N: String(version) },
          b: { B: item.body.toString('base64') },
        },
        ...condition,
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      })
      return { outcome: 'stored' }
    } catch (cause) {
      if (cause instanceof ConditionFailed) return refused(key, cause.present)
      const failure = failureOf(cause)
      if (failure === 'unknown') return { outcome: 'unknown', cause }
      throw failure === 'setup' ? setupError(cause, where) : cause
    }
  }

  /** Some emulators do not say what is there; DynamoDB says nothing when nothing is there. */
  const refused = async (key: ItemKey, present: Attributes | undefined): Promise<Written> => {
    try {
      return { outcome: 'refused', present: present === undefined ? await get(key, true) : itemOf(present) }
    } catch (cause) {
      return { outcome: 'unknown', cause }
    }
  }

  return {
    get: (key, { consistent }) => get(key, consistent),

    query: async (partition, { after, before, limit, consistent }) => {
      if (compareBytewise(after, before) >= 0) return { items: [], end: true }
      try {
        const { Items, LastEvaluatedKey } = await call('Query', {
          KeyConditionExpression: 'pk = :p AND sk < :before',
          ExpressionAttributeValues: { ':p': { S: partition }, ':before': { S: before } },
          // The start need not exist; an empty sort key is refused, and nothing sorts below it.
          ...(after !== '' && { ExclusiveStartKey: keyOf({ partition, sort: after }) }),
          Limit: limit,
          ConsistentRead: consistent,
        })
        if (Items === undefined) throw new Error('a page without items, not even none')
        return { items: Items.map(itemOf), end: LastEvaluatedKey === undefined }
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
        await call('DeleteItem', { Key: keyOf(key) })
      } catch (error) {
        throw readError(error, `delete ${key.partition} ${key.sort}`, where)
      }
    },

    [Symbol.dispose]: () => client[Symbol.dispose](),
  }
}

/** Ten times what a consistent put takes at its 99th percentile, with room for the rare slow one. */
const itemTimeoutMs = 800

type Attributes = Readonly<
  Record<string, { readonly S?: string; readonly N?: string; readonly B?: string /* base64 */ } | undefined>
>

type Condition = { readonly ConditionExpression: string; readonly ExpressionAttributeValues?: Attributes }

type Answer = { readonly Item?: Attributes; readonly Items?: readonly Attributes[]; readonly LastEvaluatedKey?: object }

/** The condition of a put failed; `present` is there instead, if the answer says so. */
class ConditionFailed extends Error {
  readonly present: Attributes | undefined

  constructor(present: Attributes | undefined) {
    super('the condition failed')
    this.present = present
  }
}

type Refusal = {
  readonly __type?: string
  readonly message?: string
  readonly Message?: string
  readonly Item?: Attributes
}

/** `{ "__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": … }`; a proxy may answer anything. */
const errorOf = (status: number, body: Buffer): Error => {
  const refusal = refusalOf(body)
  const name = refusal.__type?.split('#').at(-1) ?? `HTTP ${status}`
  if (name === 'ConditionalCheckFailedException') return new ConditionFailed(refusal.Item)
  return new AwsError({ name, status, message: refusal.message ?? refusal.Message ?? `HTTP status ${status}` })
}

const refusalOf = (body: Buffer): Refusal => {
  try {
    const refusal: unknown = JSON.parse(body.toString())
    return typeof refusal === 'object' && refusal !== null ? refusal : {}
  } catch {
    return {}
  }
}

type Written =
  | { readonly outcome: 'stored' }
  | { readonly outcome: 'refused'; readonly present: Item | undefined }
  | Unknown

const keyOf = ({ partition, sort }: ItemKey): Attributes => ({ pk: { S: partition }, sk: { S: sort } })

/** Throws when something is missing: then the answer is none. */
const itemOf = ({ sk, a, v, b }: Attributes): Item => {
  if (sk?.S === undefined || a?.S === undefined || v?.N === undefined || b?.B === undefined) {
    throw new Error(`an item without attempt, version or body: ${sk?.S}`)
  }
  return { sort: sk.S, attempt: a.S, version: Number(v.N), body: Buffer.from(b.B, 'base64') }
}
