import { requestCodec, responseCodec } from './compile.ts'
import {
  type Api,
  includes,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from './declare.ts'
import { frame } from './frame.ts'
import { ApiVersions } from './messages/api-versions.ts'
import { Reader } from './reader.ts'

export type RequestHeader = {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
}

/**
 * The part of a request's header that is the same in every version. It leaves the reader where the tagged fields of a
 * version 2 header begin, if the version of the API has any: `readRequest` goes on from there.
 */
export const readRequestHeader = (reader: Reader): RequestHeader => ({
  apiKey: reader.int16(),
  apiVersion: reader.int16(),
  correlationId: reader.int32(),
  // Not compact even in flexible versions, so that a broker can read it without knowing the version (KIP-511).
  clientId: reader.nullableString(),
})

/** What follows the header. Throws `MalformedFrame`. */
export const readRequest = <A extends Api>(api: A, version: number, reader: Reader): RequestOf<A> => {
  if (includes(api.flexible, version)) skipTags(reader)
  return requestCodec(api, version).read(reader)
}

/** A whole frame with its size. */
export const writeResponse = <A extends Api>(
  api: A,
  version: number,
  correlationId: number,
  body: ResponseInput<A>,
): Buffer[] =>
  frame((writer) => {
    writer.int32(correlationId)
    if (responseHasTags(api, version)) writer.unsignedVarint(0)
    responseCodec(api, version).write(writer, body)
  })

/** A whole frame with its size. */
export const writeRequest = <A extends Api>(
  api: A,
  version: number,
  { correlationId, clientId }: Pick<RequestHeader, 'correlationId' | 'clientId'>,
  body: RequestInput<A>,
): Buffer[] =>
  frame((writer) => {
    writer.int16(api.key)
    writer.int16(version)
    writer.int32(correlationId)
    writer.nullableString(clientId)
    if (includes(api.flexible, version)) writer.unsignedVarint(0)
    requestCodec(api, version).write(writer, body)
  })

/** The body of a frame without its size. Throws `MalformedFrame`. */
export const readResponse = <A extends Api>(
  api: A,
  version: number,
  frame: Buffer,
): { readonly correlationId: number; readonly body: ResponseOf<A> } => {
  const reader = new Reader(frame)
  const correlationId = reader.int32()
  if (responseHasTags(api, version)) skipTags(reader)
  return { correlationId, body: responseCodec(api, version).read(reader) }
}

/** ApiVersions answers with a header without tags in every version: whoever asks cannot know better yet (KIP-511). */
const responseHasTags = (api: Api, version: number): boolean =>
  api.key !== ApiVersions.key && includes(api.flexible, version)

const skipTags = (reader: Reader): void => {
  for (let left = reader.unsignedVarint(); left > 0; left--) {
    reader.unsignedVarint()
    reader.skip(reader.unsignedVarint())
  }
}
