import type { Duplex } from 'node:stream'
import type { Broker, Connection, Reply } from '../broker/broker.ts'
import { FrameCutter } from '../protocol/frame.ts'
import { Fetch } from '../protocol/messages/fetch.ts'
import { Produce } from '../protocol/messages/produce.ts'
import { MalformedFrame } from '../protocol/reader.ts'
import type { AuthenticateFrom } from './login-attempts.ts'
import type { Memory } from './memory.ts'
import { SaslLogin } from './sasl.ts'
import type { AnswerFetch, FetchWait, Timer } from './wait.ts'

/** What all connections of a gateway share. */
export type Surroundings = {
  readonly broker: Broker
  /** With this, clients log in first, and the broker that they are given answers them. */
  readonly authenticate?: AuthenticateFrom | undefined
  /** Calls of Produce frames of one connection that may overlap; 1 where their order could be lost on the way. */
  readonly maxProduceCalls: number
  readonly timer: Timer
  readonly fetchWait: FetchWait
  readonly memory: Memory
  readonly log: (line: string) => void
  readonly maxFrameBytes: number
  readonly maxConnectionBytes: number
  readonly maxLoginBytes: number
  readonly leastBytesPerSecond: number
}

/**
 * One client. Frames are cut from what arrives and queue until the broker can take them; replies are written in the
 * order of the requests.
 *
 * All Produce frames at the head of the queue go to the broker in one call, so that they share an upload and a row. A
 * few such calls may overlap: a producer keeps its requests in flight, and with one call at a time those that arrive
 * during it would miss the next row, which is being filled. The broker admits them in the order of the calls.
 * Any other frame goes alone and waits for everything before it, as in Kafka: it sees what the frames before it did,
 * its reply may be large, and a Fetch may be held.
 */
export class ClientConnection {
  readonly #socket: Duplex
  readonly #around: Surroundings
  readonly #connection: Connection
  #cutter: FrameCutter
  readonly #release = new AbortController()
  readonly #login: SaslLogin | undefined
  readonly #answerFetch: AnswerFetch
  #queue: Buffer[] = []
  /** Of all frames that are whole and not answered. */
  #unansweredBytes = 0
  /** Calls of the broker whose replies are not written; all of them are of Produce frames, or there is one. */
  #calls = 0
  #areProduce = false
  /** Settles when the replies of the last call are written. */
  #written: Promise<void> = Promise.resolve()
  #hasEnded = false
  /** Whether frames are cut that only a client may send that has logged in, or need not. */
  #cutsLarge = false
  readonly #openedMs: number
  #activeMs: number
  /** Up to when the frame that is arriving has come at least as fast as it must. */
  #inTimeMs: number
  #drained: (() => void) | undefined

  constructor(socket: Duplex, connection: Connection, around: Surroundings) {
    this.#socket = socket
    this.#connection = connection
    this.#around = around
    this.#cutter = new FrameCutter(Math.min(around.maxLoginBytes, around.maxFrameBytes))
    this.#openedMs = around.timer.now()
    this.#activeMs = this.#openedMs
    this.#inTimeMs = this.#openedMs
    this.#answerFetch = around.fetchWait.forClient()
    const { authenticate } = around
    this.#login = authenticate && new SaslLogin((login) => authenticate(login, connection.clientAddress))
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('drain', () => this.#goOn())
    socket.on('end', () => this.#end())
    // A client that is gone is no error: what follows is 'close'.
    socket.on('error', () => {})
    socket.on('close', () => this.#closed())
  }

  /** How long nothing has come or gone, with nothing being done for the client. */
  idleMs(nowMs: number): number {
    return this.#calls > 0 && !this.#socket.writableNeedDrain ? 0 : nowMs - this.#activeMs
  }

  /** How long the client has been here without having logged in; 0 where it has, or need not. */
  withoutLoginMs(nowMs: number): number {
    return this.#isIn ? 0 : nowMs - this.#openedMs
  }

  /** How far the frame that is arriving, and whose bytes are reserved, is behind the slowest that it may come. */
  lateMs(nowMs: number): number {
    return this.#cutter.pendingBytes > 0 && !this.#socket.isPaused() ? nowMs - this.#inTimeMs : 0
  }

  get #isIn(): boolean {
    return this.#login === undefined || this.#login.broker !== undefined
  }

  /** Reads no more, answers what has arrived, and closes. Fetches that wait are answered with what there is. */
  stop(): void {
    this.#end()
  }

  close(reason: string): void {
    if (this.#socket.destroyed) return
    this.#around.log(`client ${this.#connection.clientAddress} is disconnected: ${reason}`)
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    if (this.#hasEnded) return
    this.#activeMs = this.#around.timer.now()
    try {
      this.#cut(chunk)
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#readOrPause()
    this.#work()
  }

  /** Throws `MalformedFrame`. */
  #cut(chunk: Buffer): void {
    const { maxFrameBytes, maxLoginBytes, leastBytesPerSecond } = this.#around
    if (!this.#cutsLarge && this.#isIn && this.#cutter.pendingBytes === 0) {
      this.#cutter = new FrameCutter(maxFrameBytes)
      this.#cutsLarge = true
    }
    const isNew = this.#cutter.pendingBytes === 0
    const frames = this.#cutter.push(chunk)
    for (const frame of frames) {
      this.#queue.push(frame)
      this.#unansweredBytes += costOf(frame)
    }
    // Bytes are time, but none that can be saved: whoever was fast has to go on.
    const paidMs = this.#inTimeMs + (1000 * chunk.length) / leastBytesPerSecond
    this.#inTimeMs = isNew || frames.length > 0 ? this.#activeMs : Math.min(this.#activeMs, paidMs)
    if (!this.#isIn && this.#unansweredBytes > maxLoginBytes) {
      throw new MalformedFrame(`more than ${maxLoginBytes} bytes of requests that wait for the login`)
    }
  }

  /** Reads on only while there is room for what is arriving: a client that sends too much feels it in its own socket. */
  #readOrPause(): void {
    const { memory, maxConnectionBytes } = this.#around
    const bytes = this.#unansweredBytes + (this.#hasEnded ? 0 : this.#cutter.arrivingBytes)
    const hasRoom = memory.hold(this, bytes, () => this.#readOrPause())
    if (this.#hasEnded) return
    if (!hasRoom || this.#unansweredBytes > maxConnectionBytes) {
      this.#socket.pause()
      return
    }
    // What did not arrive because it was not read is not late.
    if (this.#socket.isPaused()) this.#inTimeMs = this.#around.timer.now()
    this.#socket.resume()
  }

  /** Hands over what the broker can take. */
  #work(): void {
    while (this.#mayCall()) {
      const frames = this.#takeCall()
      this.#calls++
      this.#areProduce = frames.every(isProduce)
      this.#written = this.#serve(frames, this.#written)
        .catch((error) => this.#fail(error))
        .finally(() => {
          this.#calls--
          this.#work()
        })
    }
    if (this.#calls > 0) return
    this.#readOrPause()
    if (this.#hasEnded) this.#finish()
  }

  #mayCall(): boolean {
    const [next] = this.#queue
    if (next === undefined) return false
    return this.#calls === 0 || (this.#areProduce && this.#calls < this.#around.maxProduceCalls && isProduce(next))
  }

  async #serve(frames: readonly Buffer[], previous: Promise<void>): Promise<void> {
    const answered = this.#answer(frames).finally(() => this.#forget(frames))
    const [replies] = await Promise.all([answered, previous])
    this.#write(replies)
    if (this.#login?.hasFailed) this.#end()
    this.#readOrPause()
    if (this.#socket.writableNeedDrain) await this.#drain()
  }

  /** All Produce frames before another, or one that is another. */
  #takeCall(): readonly Buffer[] {
    const firstOther = this.#queue.findIndex((frame) => !isProduce(frame))
    return this.#queue.splice(0, firstOther < 0 ? this.#queue.length : Math.max(1, firstOther))
  }

  async #answer(frames: readonly Buffer[]): Promise<readonly Reply[]> {
    const [first] = frames
    if (first === undefined) return []
    if (this.#login !== undefined && this.#login.broker === undefined) return [await this.#login.answer(first)]
    const broker = this.#login?.broker ?? this.#around.broker
    if (!isFetch(first)) return broker(frames, this.#connection)
    const ask = async (): Promise<Reply> => (await broker(frames, this.#connection))[0] ?? []
    return [await this.#answerFetch(first, ask, this.#release.signal)]
  }

  #write(replies: readonly Reply[]): void {
    this.#activeMs = this.#around.timer.now()
    if (!this.#socket.writable) return
    // Corked, all buffers go to the system in one call, and none is copied.
    this.#socket.cork()
    for (const reply of replies) for (const buffer of reply) this.#socket.write(buffer)
    this.#socket.uncork()
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve
    })
  }

  #goOn(): void {
    this.#activeMs = this.#around.timer.now()
    this.#drained?.()
    this.#drained = undefined
  }

  /** The client sends no more, or is not to be read any more. */
  #end(): void {
    this.#hasEnded = true
    this.#release.abort()
    if (this.#calls === 0) this.#finish()
  }

  #finish(): void {
    // Bytes that are not read when a socket closes make the system throw away replies that the client has not read.
    this.#socket.resume()
    this.#socket.end(() => this.#socket.destroy())
  }

  #closed(): void {
    // Nobody reads replies any more, but whoever sent with acks=0 and left expects its records to be kept.
    this.#keepQueued(isProduce)
    this.#hasEnded = true
    this.#release.abort()
    this.#readOrPause()
    this.#goOn()
  }

  #keepQueued(isKept: (frame: Buffer) => boolean): void {
    this.#forget(this.#queue.filter((frame) => !isKept(frame)))
    this.#queue = this.#queue.filter(isKept)
  }

  #forget(frames: readonly Buffer[]): void {
    for (const frame of frames) this.#unansweredBytes -= costOf(frame)
  }

  #fail(error: unknown): void {
    this.#keepQueued(() => false)
    this.close(error instanceof MalformedFrame ? error.message : `its request failed: ${error}`)
  }
}

/** A frame of a few bytes takes more than those: its buffer and its place in the queue. */
const frameOverheadBytes = 256
const costOf = (frame: Buffer): number => frame.length + frameOverheadBytes

const apiKeyOf = (frame: Buffer): number => frame.readInt16BE(0)
const isFetch = (frame: Buffer): boolean => apiKeyOf(frame) === Fetch.key
const isProduce = (frame: Buffer): boolean => apiKeyOf(frame) === Produce.key
