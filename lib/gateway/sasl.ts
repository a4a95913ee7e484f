import type { Broker, Reply } from '../broker/broker.ts'
import { apiVersionsReply, type ListedApi, refuseApiVersions } from '../protocol/apis.ts'
import { type Api, includes, type ResponseInput } from '../protocol/declare.ts'
import { errors } from '../protocol/errors.ts'
import { type RequestHeader, readRequest, readRequestHeader, writeResponse } from '../protocol/header.ts'
import { ApiVersions } from '../protocol/messages/api-versions.ts'
import { SaslAuthenticate } from '../protocol/messages/sasl-authenticate.ts'
import { SaslHandshake } from '../protocol/messages/sasl-handshake.ts'
import { MalformedFrame, Reader } from '../protocol/reader.ts'

export type Login = { readonly username: string; readonly password: string }

/** The broker that answers whoever logs in like this; undefined when the login is not accepted. Throws when nobody can tell now. */
export type Authenticate = (login: Login) => Promise<Broker | undefined>

const mechanism = 'PLAIN'
const listed: readonly ListedApi[] = [
  // librdkafka takes a list without version 0 for a broker without logins, and then logs in by version 1.
  { api: SaslHandshake, listed: { first: 0, last: SaslHandshake.versions.last } },
  { api: SaslAuthenticate, listed: SaslAuthenticate.versions },
]

/**
 * The beginning of a connection where clients log in, by SASL/PLAIN (RFC 4616, KIP-43, KIP-152): which versions there
 * are, which mechanism, the name and the password. Nothing else is answered before.
 */
export class SaslLogin {
  readonly #authenticate: Authenticate
  #hasChosen = false
  /** Answers the client as soon as it has logged in. */
  broker: Broker | undefined
  /** The connection ends with the reply that says so. */
  hasFailed = false

  constructor(authenticate: Authenticate) {
    this.#authenticate = authenticate
  }

  /** Throws `MalformedFrame` for what may not come before the login. */
  async answer(frame: Buffer): Promise<Reply> {
    const reader = new Reader(frame)
    const header = readRequestHeader(reader)
    const { apiKey, apiVersion, correlationId } = header
    if (apiKey === ApiVersions.key) {
      if (!includes(ApiVersions.versions, apiVersion)) return refuseApiVersions(correlationId, listed)
      return writeResponse(ApiVersions, apiVersion, correlationId, apiVersionsReply(listed))
    }
    if (isOf(SaslHandshake, header)) {
      const request = readRequest(SaslHandshake, apiVersion, reader)
      return writeResponse(SaslHandshake, apiVersion, correlationId, this.#choose(request.mechanism))
    }
    if (isOf(SaslAuthenticate, header)) {
      const { authBytes } = readRequest(SaslAuthenticate, apiVersion, reader)
      return writeResponse(SaslAuthenticate, apiVersion, correlationId, await this.#logIn(authBytes))
    }
    throw new MalformedFrame(`API ${apiKey} before the login: set security.protocol and sasl.mechanism=${mechanism}`)
  }

  #choose(chosen: string): ResponseInput<typeof SaslHandshake> {
    this.#hasChosen = chosen === mechanism
    this.hasFailed = !this.#hasChosen
    const error = this.#hasChosen ? 'NONE' : 'UNSUPPORTED_SASL_MECHANISM'
    return { errorCode: errors[error], mechanisms: [mechanism] }
  }

  async #logIn(authBytes: Buffer): Promise<ResponseInput<typeof SaslAuthenticate>> {
    const login = this.#hasChosen ? loginOf(authBytes) : undefined
    this.broker = login && (await this.#authenticate(login))
    this.hasFailed = this.broker === undefined
    const authBytesBack = Buffer.alloc(0)
    if (!this.hasFailed) return { errorCode: errors.NONE, errorMessage: null, authBytes: authBytesBack }
    const error = this.#hasChosen ? 'SASL_AUTHENTICATION_FAILED' : 'ILLEGAL_SASL_STATE'
    return { errorCode: errors[error], errorMessage: refusal, authBytes: authBytesBack }
  }
}

/** The same whatever is wrong: it must not tell which names there are. */
const refusal = 'Authentication failed: the username or the password is wrong'

const isOf = (api: Api, { apiKey, apiVersion }: RequestHeader): boolean =>
  apiKey === api.key && includes(api.versions, apiVersion)

const maxLoginBytes = 4096

/** `[authzid] NUL username NUL password` in UTF-8; to act for somebody else is not possible. */
const loginOf = (authBytes: Buffer): Login | undefined => {
  if (authBytes.length > maxLoginBytes) return undefined
  const [authzid, username, password, ...rest] = authBytes.toString().split('\0')
  if (username === undefined || password === undefined || username === '' || rest.length > 0) return undefined
  return authzid === '' || authzid === username ? { username, password } : undefined
}
