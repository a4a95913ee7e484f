import {
  BucketAlreadyExists,
  BucketAlreadyOwnedByYou,
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { type AwsAccess, clientOptions, readError, statusOf } from './aws-client.ts'
import { StoreUnavailable } from './items.ts'
import { checkRange, joinParts, maxListedObjects, ObjectNotFound, type Objects, type Range } from './objects.ts'

/** `Objects` in one S3 bucket. Throws `StoreSetupError` where only a person can help. */
export const s3Objects = (access: AwsAccess, bucket: string): Objects & Disposable => {
  const client = new S3Client(s3Options(access, objectTimeoutMs))
  const where = `the bucket ${bucket}`

  /** The bytes, and how large the whole object is. Undefined when the range begins at or after its end. */
  const get = async (key: string, range: Range | undefined): Promise<Found | undefined> => {
    const last = range === undefined ? 0 : range.position + range.length - 1
    try {
      const answer = await client.send(
        new GetObjectCommand({ Bucket: bucket, Key: key, ...(range && { Range: `bytes=${range.position}-${last}` }) }),
      )
      const body = (await answer.Body?.transformToByteArray()) ?? new Uint8Array()
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
      const total = /\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1]
      return { bytes, sizeBytes: total === undefined ? bytes.length : Number(total) }
    } catch (error) {
      if (statusOf(error) === rangeNotSatisfiable) return undefined
      if (error instanceof Error && error.name === 'NoSuchKey') throw new ObjectNotFound(key, { cause: error })
      throw readError(error, `read ${key}`, where)
    }
  }

  return {
    putIfAbsent: async (key, parts) => {
      const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: joinParts(parts), IfNoneMatch: '*' })
      for (let tries = 1; ; tries++) {
        try {
          await client.send(command)
          return 'stored'
        } catch (error) {
          const status = statusOf(error)
          if (status === preconditionFailed) return 'taken'
          // Another put of this key is in flight, and this one did nothing.
          if (status === conflict && tries < maxConflictTries) continue
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
        await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))
      } catch (error) {
        throw readError(error, `delete ${key}`, where)
      }
    },

    list: async (prefix, after) => {
      const start = after === '' ? {} : { StartAfter: after }
      try {
        const page = await client.send(
          new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: maxListedObjects, ...start }),
        )
        return (page.Contents ?? []).map(({ Key = '', Size = 0, LastModified }) => ({
          key: Key,
          sizeBytes: Size,
          modifiedMs: LastModified?.getTime() ?? 0,
        }))
      } catch (error) {
        throw readError(error, `list ${prefix}`, where)
      }
    },

    [Symbol.dispose]: () => client.destroy(),
  }
}

/** Makes the bucket unless it exists. For emulators and tests. */
export const createBucket = async (access: AwsAccess, bucket: string): Promise<void> => {
  const client = new S3Client(s3Options(access, setupTimeoutMs))
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
  } catch (error) {
    if (error instanceof BucketAlreadyOwnedByYou) return
    if (error instanceof BucketAlreadyExists) throw new Error(`the name ${bucket} is taken: choose another`)
    throw readError(error, 'create the bucket', bucket)
  } finally {
    client.destroy()
  }
}

const objectTimeoutMs = 5000
const setupTimeoutMs = 10_000

/** Tries of one put while others put the same key, which only its own earlier tries do. */
const maxConflictTries = 4

const conflict = 409
const preconditionFailed = 412
const rangeNotSatisfiable = 416

type Found = { readonly bytes: Buffer; readonly sizeBytes: number }

/** No `Expect: 100-continue`: it takes a new connection for every large object. Emulators may not know checksums. */
const s3Options = (access: AwsAccess, timeoutMs: number) => ({
  ...clientOptions(access, timeoutMs),
  expectContinueHeader: false,
  ...(access.endpoint !== undefined && {
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED' as const,
    responseChecksumValidation: 'WHEN_REQUIRED' as const,
  }),
})
