import { crc32 } from 'node:zlib'
import {
  type AwsAccess,
  type AwsAnswer,
  type AwsRequest,
  awsClient,
  domainOf,
  encodePath,
  encodeQuery,
  regionOf,
} from './aws-client.ts'
import { AwsError, readError } from './aws-failures.ts'
import { StoreUnavailable } from './items.ts'
import { checkRange, maxListedObjects, ObjectNotFound, type Objects, type Range } from './objects.ts'
import { listedIn, textIn } from './s3-xml.ts'

/** `Objects` in one S3 bucket, through its REST API. Throws `StoreSetupError` where only a person can help. */
export const s3Objects = (access: AwsAccess, bucket: string): Objects & Disposable => {
  const where = `the bucket ${bucket}`
  const region = regionOf(access, where)
  const place = placeOf(access, bucket, region)
  const client = awsClient(access, { service: 's3', region, origin: place.origin, defaultTimeoutMs: objectTimeoutMs })

  /** Throws `AwsError` for every answer whose status is not one of `accepted`. */
  const call = async (
    request: Partial<AwsRequest> & Pick<AwsRequest, 'method' | 'path'>,
    accepted: readonly number[],
  ): Promise<AwsAnswer> => {
    const answer = await client.send({ headers: {}, body: [], ...request })
    if (accepted.includes(answer.status)) return answer
    throw errorOf(answer)
  }
  const pathOf = (key: string): string => encodePath(`${place.path}/${key}`)

  /** The bytes, and how large the whole object is. Undefined when the range begins at or after its end. */
  const get = async (key: string, range: Range | undefined): Promise<Found | undefined> => {
    try {
      const headers =
        range === undefined ? {} : { range: `bytes=${range.position}-${range.position + range.length - 1}` }
      const accepted = range === undefined ? [200] : [200, 206]
      return foundIn(await call({ method: 'GET', path: pathOf(key), headers }, accepted), range)
    } catch (error) {
      if (isStatus(error, rangeNotSatisfiable)) return undefined
      if (error instanceof AwsError && error.name === 'NoSuchKey') throw new ObjectNotFound(key, { cause: error })
      throw readError(error, `read ${key}`, where)
    }
  }

  return {
    putIfAbsent: async (key, parts) => {
      const headers = { 'content-type': 'application/octet-stream', 'if-none-match': '*', ...place.checksumOf(parts) }
      const request = { method: 'PUT', path: pathOf(key), headers, body: parts } as const
      for (let tries = 1; ; tries++) {
        try {
          await call(request, [200])
          return 'stored'
        } catch (error) {
          if (isStatus(error, preconditionFailed)) return 'taken'
          // Another put of this key is in flight, and this one did nothing.
          if (isStatus(error, conflict) && tries < maxConflictTries) continue
          throw readError(error, `put ${key}`, where)
        }
      }
    },

    read: async (key, range) => {
      if (range === undefined) return (await get(key, range))?.bytes ?? Buffer.alloc(0)
      checkRange(range, Number.MAX_SAFE_INTEGER)
      // S3 has no ranges of nothing: the byte before tells whether the object goes that far.
      const { position, length } = range
      const asked = length > 0 ? range : { position: Math.max(0, position - 1), length: 1 }
      const found = await get(key, asked)
      checkRange(range, found?.sizeBytes ?? asked.position)
      if (length === 0 || found === undefined) return Buffer.alloc(0)
      if (found.bytes.length === length) return found.bytes
      throw new StoreUnavailable(`read ${key}: ${found.bytes.length} bytes came where ${length} were asked`)
    },

    delete: async (key) => {
      try {
        await call({ method: 'DELETE', path: pathOf(key) }, [200, 204])
      } catch (error) {
        throw readError(error, `delete ${key}`, where)
      }
    },

    list: async (prefix, after) => {
      const query = encodeQuery({
        'list-type': '2',
        'max-keys': String(maxListedObjects),
        prefix,
        ...(after !== '' && { 'start-after': after }),
      })
      try {
        const { body } = await call({ method: 'GET', path: `${encodePath(`${place.path}/`)}?${query}` }, [200])
        return listedIn(body.toString())
      } catch (error) {
        throw readError(error, `list ${prefix}`, where)
      }
    },

    [Symbol.dispose]: () => client[Symbol.dispose](),
  }
}

const objectTimeoutMs = 5000

/** Tries of one put while others put the same key, which only its own earlier tries do. */
const maxConflictTries = 4

const conflict = 409
const preconditionFailed = 412
const rangeNotSatisfiable = 416

type Found = { readonly bytes: Buffer; readonly sizeBytes: number }

/** Emulators have their buckets in the path, and may not know checksums; names with dots do not go with TLS. */
const placeOf = ({ endpoint }: AwsAccess, bucket: string, region: string) => {
  if (endpoint !== undefined) return { origin: endpoint, path: `/${bucket}`, checksumOf: () => ({}) }
  const host = `s3.${region}.${domainOf(region)}`
  return bucket.includes('.')
    ? { origin: `https://${host}`, path: `/${bucket}`, checksumOf }
    : { origin: `https://${bucket}.${host}`, path: '', checksumOf }
}

/** What S3 compares the body with before it stores it (docs: "Checking object integrity"). */
const checksumOf = (parts: readonly Buffer[]) => {
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(parts.reduce((sum, part) => crc32(part, sum), 0))
  return { 'x-amz-checksum-crc32': checksum.toString('base64') }
}

/** Throws when another part of the object came than was asked for. */
const foundIn = ({ status, headers, body }: AwsAnswer, range: Range | undefined): Found => {
  if (status === 200 && range === undefined) return { bytes: body, sizeBytes: body.length }
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers['content-range'] ?? '') ?? []
  if (range === undefined || first === undefined || Number(first) !== range.position) {
    throw new Error(`not the range that was asked for: ${status} ${headers['content-range']}`)
  }
  return { bytes: body, sizeBytes: Number(total) }
}

const isStatus = (error: unknown, status: number): boolean => error instanceof AwsError && error.status === status

/** `<Error><Code>SlowDown</Code><Message>…`; a proxy may answer anything. */
const errorOf = ({ status, body }: AwsAnswer): AwsError => {
  const text = body.toString()
  const name = textIn(text, 'Code') ?? `HTTP ${status}`
  return new AwsError({ name, status, message: textIn(text, 'Message') ?? `HTTP status ${status}` })
}
