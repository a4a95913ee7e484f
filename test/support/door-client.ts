import type { Door } from '../../lib/protocol/apis.ts'
import type { Api, RequestInput, ResponseOf } from '../../lib/protocol/declare.ts'
import { cutFrames } from '../../lib/protocol/frame.ts'
import { readResponse, writeRequest } from '../../lib/protocol/header.ts'

export const frameType = 'application/octet-stream'

/** A request as it stands in a body: with its size. */
export const bodyOf = <A extends Api>(api: A, version: number, request: RequestInput<A>): Buffer =>
  Buffer.concat(writeRequest(api, version, { correlationId: 7, clientId: 'suite' }, request))

/** Posts frames to a door, as a gateway does. */
export const post = (
  url: string,
  door: Door,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> =>
  fetch(`${url}/kafka/${door}`, {
    method: 'POST',
    headers: { 'content-type': frameType, accept: frameType, ...headers },
    body: new Uint8Array(body),
  })

/** The replies in an answer, without their sizes. Throws when it is anything but frames. */
export const repliesIn = async (response: Response): Promise<readonly Buffer[]> => {
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
  return cutFrames(Buffer.from(await response.arrayBuffer()), Number.MAX_SAFE_INTEGER)
}

/** Asks one thing at a door. */
export const askDoor = async <A extends Api>(
  { url, door, headers = {} }: { readonly url: string; readonly door: Door; readonly headers?: Record<string, string> },
  api: A,
  version: number,
  request: RequestInput<A>,
): Promise<ResponseOf<A>> => {
  const [reply = Buffer.alloc(0)] = await repliesIn(await post(url, door, bodyOf(api, version, request), headers))
  return readResponse(api, version, reply).body
}
