import type { Api, ResponseInput } from '../protocol/declare.ts'
import { errors } from '../protocol/errors.ts'
import { type RequestHeader, readRequest, writeResponse } from '../protocol/header.ts'
import { ApiVersions } from '../protocol/messages/api-versions.ts'
import { Fetch } from '../protocol/messages/fetch.ts'
import { Metadata } from '../protocol/messages/metadata.ts'
import type { Reader } from '../protocol/reader.ts'
import type { Reply } from './broker.ts'
import type { Call, Handler } from './context.ts'
import { attempt } from './failures.ts'
import { apiVersions } from './handlers/api-versions.ts'
import { fetch } from './handlers/fetch.ts'
import { metadata } from './handlers/metadata.ts'

/** Reads a request behind its header, has it handled, writes the reply. */
type Route = {
  readonly key: number
  readonly answer: (reader: Reader, header: RequestHeader, call: Call) => Promise<Reply>
}

/** `failed` says the same error of everything, where an API can; without it the connection is closed. */
const route = <A extends Api>(
  api: A,
  handler: Handler<A>,
  failed?: (errorCode: number) => ResponseInput<A>,
): Route => ({
  key: api.key,
  answer: async (reader, { apiVersion, correlationId }, call) => {
    const request = readRequest(api, apiVersion, reader)
    const body = failed
      ? await attempt(
          call,
          () => handler(request, call),
          (error) => failed(errors[error]),
        )
      : await handler(request, call)
    return writeResponse(api, apiVersion, correlationId, body)
  },
})

const all: readonly Route[] = [
  route(ApiVersions, apiVersions),
  route(Metadata, metadata),
  route(Fetch, fetch, (errorCode) => ({ errorCode, responses: [] })),
]

/** What answers a request, by API key; Produce is not here, because its frames are answered together. */
export const routes: ReadonlyMap<number, Route> = new Map(all.map((one) => [one.key, one]))
