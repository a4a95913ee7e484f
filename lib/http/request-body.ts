import type { Context } from 'hono'
import { HttpProblem } from './http-problem.ts'

/** Of one request's body: what Lambda takes, less what its base64 and its envelope cost. */
const maxBodyBytes = 4_500_000

/** The bytes of the body. Reads no further than the limit. */
export const readBody = async (c: Context): Promise<Buffer> => {
  const encoding = c.req.header('content-encoding')
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    const detail = `The body has the content encoding ${encoding.slice(0, 100)}.`
    throw new HttpProblem('UNSUPPORTED_MEDIA_TYPE', detail, { hint: 'Send it without an encoding.' })
  }
  const announced = Number(c.req.header('content-length') ?? '0')
  if (announced > maxBodyBytes) throw tooLarge(announced)
  const { body } = c.req.raw
  if (body === null) return Buffer.alloc(0)
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of untilItBreaks(body)) {
    sizeBytes += chunk.length
    if (sizeBytes > maxBodyBytes) throw tooLarge(undefined)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** What comes of a body. Whoever sends it may go away meanwhile, which is no failure of the server. */
export async function* untilItBreaks(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (cause) {
    throw new HttpProblem('INVALID_REQUEST', 'The body ended before it was whole.', { cause })
  }
}

const tooLarge = (sizeBytes: number | undefined): HttpProblem => {
  const size = sizeBytes === undefined ? 'more' : `${sizeBytes}`
  const hint = `Send batches of at most ${maxBodyBytes} bytes each, for example ${Math.floor(maxBodyBytes / 2)}.`
  const members = { limitBytes: maxBodyBytes }
  return new HttpProblem('TOO_LARGE', `A body has at most ${maxBodyBytes} bytes, this has ${size}.`, { hint, members })
}
