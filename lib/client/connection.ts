import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { realClock } from '../clock.ts'
import type { Api, RequestInput, ResponseOf } from '../protocol/declare.ts'
import { errors } from '../protocol/errors.ts'
import { FrameCutter } from '../protocol/frame.ts'
import { readResponse, writeRequest } from '../protocol/header.ts'
import { ApiVersions } from '../protocol/messages/api-versions.ts'
import { SaslAuthenticate } from '../protocol/messages/sasl-authenticate.ts'
import { SaslHandshake } from '../protocol/messages/sasl-handshake.ts'
import { MalformedFrame } from '../protocol/reader.ts'

export type Address = { readonly host: string; readonly port: number }

/** How to get in, as a file of client properties says it (Kafka docs: "Client configs"). */
export type Security = {
  readonly tls: { readonly ca: Buffer | undefined; readonly checksName: boolean } | undefined
  readonly plain: { readonly user: string; readonly password: string } | undefined
}

/** Throws `UnsupportedSetting` where the properties want what there is not. */
export const securityFrom = (properties: ReadonlyMap<string, string>): Security => {
  const protocol = (properties.get('security.protocol') ?? 'PLAINTEXT').toUpperCase()
  if (!/^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$/.test(protocol)) throw unsupported('security.protocol', protocol)
  const isSasl = protocol.startsWith('SASL')
  const mechanism = properties.get('sasl.mechanism') ?? 'GSSAPI'
  if (isSasl && mechanism !== 'PLAIN') throw unsupported('sasl.mechanism', mechanism)
  const jaas = properties.get('sasl.jaas.config') ?? ''
  const value = (name: string): string => new RegExp(`\\b${name}="((?:[^"\\\\]|\\\\.)*)"`).exec(jaas)?.[1] ?? ''
  const trusted = properties.get('ssl.truststore.location')
  return {
    tls: protocol.endsWith('SSL')
      ? {
          ca: trusted === undefined ? undefined : certificatesIn(trusted),
          checksName: properties.get('ssl.endpoint.identification.algorithm') !== '',
        }
      : undefined,
    plain: isSasl ? { user: value('username'), password: value('password') } : undefined,
  }
}

const certificatesIn = (file: string): Buffer => {
  try {
    return readFileSync(file)
  } catch (error) {
    const why = error instanceof Error ? error.message : error
    throw new UnsupportedSetting(`ssl.truststore.location=${file} cannot be read: ${why}`, { cause: error })
  }
}

const unsupported = (name: string, value: string): UnsupportedSetting =>
  new UnsupportedSetting(`${name}=${value} is not known here: PLAINTEXT, SSL (with PEM files) and SASL with PLAIN are`)

/** A property or an address that this client cannot make anything of. */
export class UnsupportedSetting extends Error {
  override readonly name = 'UnsupportedSetting'
}

/** A broker does not let in who asks. */
export class LoginRefused extends Error {
  override readonly name = 'LoginRefused'
}

/** What a broker cannot be asked for because it, or this client, is too old. */
export class NoCommonVersion extends Error {
  override readonly name = 'NoCommonVersion'
}

/** A broker is silent, or the connection to it has ended. */
export class Disconnected extends Error {
  override readonly name = 'Disconnected'
}

/** Whoever answers does not speak Kafka's protocol. */
export class NoBroker extends Error {
  override readonly name = 'NoBroker'
}

const maxFrameBytes = 1024 * 1024 * 1024
/** Kafka's `socket.connection.setup.timeout.ms`. */
const connectTimeoutMs = 10_000
/** Kafka's `request.timeout.ms`. */
export const defaultRequestTimeoutMs = 30_000

/** A connection to one broker: requests are answered in order. */
export class KafkaConnection {
  readonly #socket: Socket
  readonly #where: string
  readonly #clientId: string
  readonly #requestTimeoutMs: number
  readonly #waiting: { readonly resolve: (frame: Buffer) => void; readonly reject: (error: Error) => void }[] = []
  readonly #cutter = new FrameCutter(maxFrameBytes)
  #versions: ReadonlyMap<number, { readonly first: number; readonly last: number }> = new Map()
  #correlationId = 0

  private constructor(socket: Socket, where: string, clientId: string, requestTimeoutMs: number) {
    this.#socket = socket
    this.#where = where
    this.#clientId = clientId
    this.#requestTimeoutMs = requestTimeoutMs
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#end(new Disconnected(`${where} closed the connection`)))
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#cutter.push(chunk)) this.#waiting.shift()?.resolve(frame)
    } catch (error) {
      this.#end(this.#noBroker(error))
    }
  }

  #noBroker(cause: unknown): NoBroker {
    return new NoBroker(`${this.#where} is no Kafka broker: check --bootstrap-server, and its port`, { cause })
  }

  #end(why: Error): void {
    this.#socket.destroy()
    for (const { reject } of this.#waiting.splice(0)) reject(why)
  }

  /** Throws `Disconnected`, `NoBroker`, `LoginRefused`. */
  static async open(
    { host, port }: Address,
    security: Security,
    clientId: string,
    requestTimeoutMs = defaultRequestTimeoutMs,
  ): Promise<KafkaConnection> {
    const { tls, plain } = security
    const socket = tls
      ? connectTls({
          host,
          port,
          servername: host,
          ...(tls.ca !== undefined && { ca: tls.ca }),
          ...(!tls.checksName && { checkServerIdentity: () => undefined }),
        })
      : connectTcp({ host, port, noDelay: true })
    try {
      await once(socket, tls ? 'secureConnect' : 'connect', { signal: AbortSignal.timeout(connectTimeoutMs) })
    } catch (error) {
      socket.destroy()
      const why = error instanceof Error ? error.message : String(error)
      throw new Disconnected(`Connection to ${host}:${port} could not be established: ${why}`, { cause: error })
    }
    const connection = new KafkaConnection(socket, `${host}:${port}`, clientId, requestTimeoutMs)
    try {
      await connection.#learnVersions()
      if (plain !== undefined) await connection.#authenticate(plain)
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  async #learnVersions(): Promise<void> {
    // The oldest form is understood by every broker, and tells all that is needed.
    const { apiKeys } = await this.#send(ApiVersions, 0, {})
    this.#versions = new Map(
      apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, { first: minVersion, last: maxVersion }]),
    )
  }

  async #authenticate({ user, password }: NonNullable<Security['plain']>): Promise<void> {
    const { errorCode } = await this.ask(SaslHandshake, { mechanism: 'PLAIN' })
    if (errorCode !== errors.NONE) throw new LoginRefused('the broker does not take SASL PLAIN')
    const answer = await this.ask(SaslAuthenticate, { authBytes: Buffer.from(`\0${user}\0${password}`) })
    if (answer.errorCode !== errors.NONE) {
      throw new LoginRefused(answer.errorMessage ?? 'the broker does not know this user and password')
    }
  }

  /** The version in which both speak; undefined where there is none. */
  versionOf({ key, versions }: Api, maxVersion = Number.POSITIVE_INFINITY): number | undefined {
    const theirs = this.#versions.get(key)
    if (theirs === undefined) return undefined
    const version = Math.min(theirs.last, versions.last, maxVersion)
    return version >= Math.max(theirs.first, versions.first) ? version : undefined
  }

  /**
   * In the newest version that both know. `waitMs`: how long the broker may wait, because it was asked to, before it
   * answers as soon as any other request. Throws `Disconnected`, `NoBroker`, `NoCommonVersion`.
   */
  async ask<A extends Api>(
    api: A,
    request: RequestInput<A>,
    { maxVersion, waitMs = 0 }: { readonly maxVersion?: number | undefined; readonly waitMs?: number } = {},
  ): Promise<ResponseOf<A>> {
    const version = this.versionOf(api, maxVersion)
    if (version === undefined) throw new NoCommonVersion(`The node does not support ${api.name}`)
    return this.#send(api, version, request, waitMs)
  }

  /** Without waiting: for what has no answer. */
  tell<A extends Api>(api: A, request: RequestInput<A>, maxVersion?: number): void {
    const version = this.versionOf(api, maxVersion)
    if (version === undefined) throw new NoCommonVersion(`The node does not support ${api.name}`)
    this.#write(writeRequest(api, version, { correlationId: this.#correlationId++, clientId: this.#clientId }, request))
  }

  async #send<A extends Api>(api: A, version: number, request: RequestInput<A>, waitMs = 0): Promise<ResponseOf<A>> {
    if (!this.isOpen) throw new Disconnected(`the connection to ${this.#where} has ended`)
    const correlationId = this.#correlationId++
    const answered = new Promise<Buffer>((resolve, reject) => this.#waiting.push({ resolve, reject }))
    this.#write(writeRequest(api, version, { correlationId, clientId: this.#clientId }, request))
    const done = new AbortController()
    void this.#limit(api.name, waitMs + this.#requestTimeoutMs, done.signal)
    try {
      return readResponse(api, version, await answered).body
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error
      const noBroker = this.#noBroker(error)
      this.#end(noBroker)
      throw noBroker
    } finally {
      done.abort()
    }
  }

  /** Answers come in order: whoever is silent to one request has answered none after it. */
  async #limit(request: string, timeoutMs: number, done: AbortSignal): Promise<void> {
    await realClock.sleep(timeoutMs, done)
    if (done.aborted) return
    const todo = 'check --bootstrap-server, and whether it is well'
    this.#end(new Disconnected(`${this.#where} does not answer ${request} within ${timeoutMs / 1000} s: ${todo}`))
  }

  #write(buffers: readonly Buffer[]): void {
    for (const buffer of buffers) this.#socket.write(buffer)
  }

  close(): void {
    this.#socket.destroy()
  }
}
