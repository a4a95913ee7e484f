import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { FrameCutter } from '../../lib/protocol/frame.ts'

/** A client that sends any bytes and cuts what comes back into frames. */
export type RawClient = {
  readonly socket: Socket
  /** Waits until the bytes are handed to the system. */
  readonly send: (bytes: Buffer) => Promise<void>
  /** The next frames, without their sizes. Rejects when the server closes before. */
  readonly frames: (count: number) => Promise<readonly Buffer[]>
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>
}

const maxFrameBytes = 1 << 30

export const rawClient = async (port: number): Promise<RawClient> => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const cutter = new FrameCutter(maxFrameBytes)
  const arrived: Buffer[] = []
  let heard = Promise.withResolvers<void>()
  const tell = (): void => {
    heard.resolve()
    heard = Promise.withResolvers()
  }
  socket.on('data', (chunk) => {
    arrived.push(...cutter.push(chunk))
    tell()
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      resolve()
      tell()
    })
  })
  return {
    socket,
    send: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()))
      }),
    frames: async (count) => {
      while (arrived.length < count) {
        if (socket.destroyed) throw new Error(`closed after ${arrived.length} of ${count} frames`)
        await heard.promise
      }
      return arrived.splice(0, count)
    },
    closed,
  }
}

export const correlationIds = (frames: readonly Buffer[]): readonly number[] =>
  frames.map((frame) => frame.readInt32BE(0))
