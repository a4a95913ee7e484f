import { type Duplex, duplexPair } from 'node:stream'
import type { Connection } from '../broker/broker.ts'
import { ClientConnection } from './connection.ts'
import { type GatewayOptions, surroundingsOf } from './server.ts'

/**
 * A gateway without TCP, for a client in this process: what it writes into the stream are requests, what it reads are
 * replies. Ending or destroying either side ends the connection.
 */
export const inProcessGateway = (
  options: Omit<GatewayOptions, 'host' | 'port'>,
): ((connection: Connection) => Duplex) => {
  const around = surroundingsOf(options)
  return (connection) => {
    const [ours, theirs] = duplexPair()
    new ClientConnection(ours, connection, around)
    ours.once('close', () => theirs.destroy())
    theirs.once('close', () => ours.destroy())
    return theirs
  }
}
