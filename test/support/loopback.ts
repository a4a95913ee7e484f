import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { onTestFinished } from 'vitest'

/** Lets a server listen on this machine until the running test ends, with all of its connections; `host:port`. */
export const listening = async (server: Server): Promise<string> => {
  const sockets = new Set<{ readonly destroy: () => void }>()
  server.on('connection', (socket) => sockets.add(socket))
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // Reason for `as`: a server that listens on TCP has an address with a port.
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
