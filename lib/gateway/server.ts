import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { Broker } from '../broker/broker.ts'
import { ClientConnection, type Surroundings } from './connection.ts'
import { limitedAttempts } from './login-attempts.ts'
import { Memory } from './memory.ts'
import type { Authenticate } from './sasl.ts'
import { FetchWait, type FetchWaitOptions } from './wait.ts'

/** Kafka over TCP: what clients connect to. */
export type Gateway = {
  readonly host: string
  readonly port: number
  readonly connections: () => number
  /** Accepts nobody any more, answers what has arrived, and closes; after `stopWithinMs` whatever is left is cut off. */
  readonly stop: () => Promise<void>
}

export type GatewayOptions = FetchWaitOptions & {
  readonly broker: Broker
  /** With this, clients log in by SASL/PLAIN, and the broker that it returns answers them. */
  readonly authenticate?: Authenticate
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly log: (line: string) => void
  readonly limits?: Partial<GatewayLimits>
}

/** Where Kafka has such a limit it has the same default (Kafka docs: "Broker Configs"). */
export type GatewayLimits = {
  /** `socket.request.max.bytes` */
  readonly maxFrameBytes: number
  readonly maxConnections: number
  /** Bytes of requests that a connection has sent and that are not answered; it is not read beyond them. */
  readonly maxConnectionBytes: number
  /** The same for all connections, and frames that are arriving count whole (`queued.max.request.bytes`). */
  readonly maxTotalBytes: number
  /** Calls of Produce frames of one connection that may overlap: as many as an idempotent producer has requests in flight. */
  readonly maxProduceCalls: number
  /** `connections.max.idle.ms` */
  readonly maxIdleMs: number
  /** A frame that stopped arriving keeps its memory this long while others wait for some. */
  readonly maxStalledMs: number
  /** Whatever arrives slower has as good as stopped. */
  readonly leastBytesPerSecond: number
  /** From the beginning of a connection to its login, where clients log in. */
  readonly maxLoginMs: number
  /**
   * The largest frame until then, and all such frames together that are not answered (`sasl.server.max.receive.size`,
   * which is larger for mechanisms that are not here). As many connections as there may be leave memory to others.
   */
  readonly maxLoginBytes: number
  readonly stopWithinMs: number
}

const defaultLimits: GatewayLimits = {
  maxFrameBytes: 100 * 1024 * 1024,
  maxConnections: 10_000,
  maxConnectionBytes: 32 * 1024 * 1024,
  maxTotalBytes: 512 * 1024 * 1024,
  maxProduceCalls: 5,
  maxIdleMs: 10 * 60_000,
  maxStalledMs: 30_000,
  leastBytesPerSecond: 16 * 1024,
  maxLoginMs: 30_000,
  maxLoginBytes: 16 * 1024,
  stopWithinMs: 5_000,
}

/** Connections that the system accepts before we do. */
const backlog = 1024

/** Throws what `listen` throws: a port in use, a host that is not here. */
export const startGateway = async (options: GatewayOptions): Promise<Gateway> => {
  const limits = { ...defaultLimits, ...options.limits }
  const { timer, log } = options
  const around = surroundingsOf(options)
  const clients = new Map<ClientConnection, Socket>()

  // A client that has sent all it wants may still read.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const { localAddress = options.host, localPort = options.port, remoteAddress, remotePort } = socket
    const advertised = { host: localAddress, port: localPort }
    socket.setNoDelay(true)
    const client = new ClientConnection(socket, { advertised, clientAddress: `${remoteAddress}:${remotePort}` }, around)
    clients.set(client, socket)
    socket.once('close', () => clients.delete(client))
  })
  server.maxConnections = limits.maxConnections
  server.on('drop', (dropped) => {
    const from = `${dropped?.remoteAddress}:${dropped?.remotePort}`
    log(`client ${from} is refused: there are ${limits.maxConnections} connections already`)
  })
  const stopped = new AbortController()
  const port = await listen(server, options)
  const watching = disconnectIdle(clients, { ...around, ...limits, stopped: stopped.signal })

  const stop = async (): Promise<void> => {
    stopped.abort()
    around.fetchWait.stop()
    const closed = new Promise((resolve) => server.close(resolve))
    for (const client of clients.keys()) client.stop()
    const allClosed = new AbortController()
    void closed.then(() => allClosed.abort())
    await timer.sleep(limits.stopWithinMs, allClosed.signal)
    for (const socket of clients.values()) socket.destroy()
    await Promise.all([closed, watching])
  }

  return { host: options.host, port, connections: () => clients.size, stop }
}

/** What the connections of one gateway share, whatever they run over. */
export const surroundingsOf = (options: Omit<GatewayOptions, 'host' | 'port'>): Surroundings => {
  const limits = { ...defaultLimits, ...options.limits }
  const authenticate = options.authenticate && limitedAttempts(options.authenticate, () => options.timer.now())
  const memory = new Memory(limits.maxTotalBytes)
  return { ...options, ...limits, authenticate, fetchWait: new FetchWait(options), memory }
}

const listen = async (server: Server, { host, port }: Pick<GatewayOptions, 'host' | 'port'>): Promise<number> => {
  server.listen({ host, port, backlog })
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port')
  return address.port
}

type Watching = Pick<GatewayLimits, 'maxIdleMs' | 'maxStalledMs' | 'maxLoginMs'> &
  Pick<Surroundings, 'timer' | 'memory'> & { readonly stopped: AbortSignal }

/** Looks at all connections now and then, because a timer for each of thousands costs more than being late. */
const disconnectIdle = async (
  clients: ReadonlyMap<ClientConnection, Socket>,
  { timer, memory, maxIdleMs, maxStalledMs, maxLoginMs, stopped }: Watching,
): Promise<void> => {
  const everyMs = Math.min(maxIdleMs, maxStalledMs, maxLoginMs) / looksPerLimit
  while (!stopped.aborted) {
    await timer.sleep(everyMs, stopped)
    const nowMs = timer.now()
    for (const client of clients.keys()) {
      const idleMs = client.idleMs(nowMs)
      const lateMs = Math.round(client.lateMs(nowMs))
      if (idleMs > maxIdleMs) client.close(`it was idle for ${idleMs} ms`)
      else if (client.withoutLoginMs(nowMs) > maxLoginMs) client.close(`it did not log in within ${maxLoginMs} ms`)
      else if (memory.isShort && lateMs > maxStalledMs) {
        client.close(`its request as good as stopped arriving ${lateMs} ms ago, and others wait for memory`)
      }
    }
  }
}

/** A limit is noticed late by at most this part of it. */
const looksPerLimit = 6
