import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { compareBytewise } from '../../lib/store/order.ts'

type Stored = { readonly bytes: Buffer; readonly modified: Date }
type Bucket = Map<string, Stored>

/** As much of S3, in memory, as `store/s3.ts` asks for, by S3's own error codes. Believes everybody. */
export const s3Server = (): Server => {
  const buckets = new Map<string, Bucket>()
  return createServer((request, response) => {
    answer(buckets, request, response).catch((error: unknown) => {
      if (!response.headersSent) fail(response, 500, 'InternalError', String(error))
      response.destroy()
    })
  })
}

const answer = async (buckets: Map<string, Bucket>, request: IncomingMessage, response: ServerResponse) => {
  const { method = '', url = '' } = request
  const [path = '', query = ''] = url.split('?')
  const [, bucketName = '', ...parts] = path.split('/').map(decodeURIComponent)
  const key = parts.join('/')
  const body = await buffer(request)
  if (method === 'PUT' && key === '') {
    if (buckets.has(bucketName)) return fail(response, 409, 'BucketAlreadyOwnedByYou')
    buckets.set(bucketName, new Map())
    return response.end()
  }
  const bucket = buckets.get(bucketName)
  if (bucket === undefined) return fail(response, 404, 'NoSuchBucket')
  if (method === 'GET' && key === '') return list(bucket, new URLSearchParams(query), response)
  if (method === 'PUT') return put(bucket, key, body, request, response)
  if (method === 'GET') return get(bucket.get(key), request.headers.range, response)
  if (method !== 'DELETE') return fail(response, 405, 'MethodNotAllowed')
  bucket.delete(key)
  response.writeHead(204).end()
}

const put = (bucket: Bucket, key: string, body: Buffer, request: IncomingMessage, response: ServerResponse) => {
  if (request.headers['content-encoding'] === 'aws-chunked') return fail(response, 501, 'NotImplemented', 'stream body')
  if (request.headers['if-none-match'] === '*' && bucket.has(key)) return fail(response, 412, 'PreconditionFailed')
  bucket.set(key, { bytes: body, modified: new Date() })
  response.writeHead(200, { etag: `"${createHash('md5').update(body).digest('hex')}"` }).end()
}

const get = (stored: Stored | undefined, range: string | undefined, response: ServerResponse) => {
  if (stored === undefined) return fail(response, 404, 'NoSuchKey')
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
  if (first === undefined || last === undefined) return response.end(stored.bytes)
  const size = stored.bytes.length
  if (Number(first) >= size || Number(last) < Number(first)) return fail(response, 416, 'InvalidRange')
  const end = Math.min(size, Number(last) + 1)
  response.writeHead(206, { 'content-range': `bytes ${first}-${end - 1}/${size}` })
  response.end(stored.bytes.subarray(Number(first), end))
}

const list = (bucket: Bucket, query: URLSearchParams, response: ServerResponse) => {
  const prefix = query.get('prefix') ?? ''
  const after = query.get('start-after') ?? ''
  const keys = [...bucket.keys()].filter((key) => key.startsWith(prefix) && compareBytewise(key, after) > 0)
  const page = keys.toSorted(compareBytewise).slice(0, Number(query.get('max-keys') ?? 1000))
  const contents = page.map((key) => {
    const { bytes, modified } = bucket.get(key) ?? { bytes: Buffer.alloc(0), modified: new Date(0) }
    const date = modified.toISOString()
    return `<Contents><Key>${escaped(key)}</Key><Size>${bytes.length}</Size><LastModified>${date}</LastModified></Contents>`
  })
  const truncated = `<IsTruncated>${keys.length > page.length}</IsTruncated>`
  response.end(`${xml}<ListBucketResult>${truncated}${contents.join('')}</ListBucketResult>`)
}

const fail = (response: ServerResponse, status: number, code: string, message = code): void => {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(`${xml}<Error><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`)
}

const xml = '<?xml version="1.0" encoding="UTF-8"?>'

const escaped = (text: string): string => text.replace(/[<>&"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
