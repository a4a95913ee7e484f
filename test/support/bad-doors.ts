import { createServer, request } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { listening } from './loopback.ts'

/** Passes requests on, and loses the first good answer to each `Idempotency-Key`: what was asked for is done. */
export const forgetfulDoor = async (url: string): Promise<{ readonly url: string; readonly lost: () => number }> => {
  const lost = new Set<string>()
  const server = createServer((asked, answer) => {
    const { method = 'GET', headers, socket } = asked
    const forwarded = request(new URL(asked.url ?? '/', url), { method, headers, agent: false }, (given) => {
      const key = headers['idempotency-key']
      if (typeof key === 'string' && given.statusCode === 200 && !lost.has(key)) {
        lost.add(key)
        given.resume()
        socket.destroy()
        return
      }
      answer.writeHead(given.statusCode ?? 502, given.headers)
      given.pipe(answer)
    })
    forwarded.once('error', () => socket.destroy())
    asked.pipe(forwarded)
  })
  return { url: `http://${await listening(server)}`, lost: () => lost.size }
}

/** Between what has come and the end of a connection: a client may throw away what it has not looked at by then. */
const beforeCutMs = 50

/** Passes bytes on, and ends each connection after so many bytes of answers. */
export const cuttingDoor = async (
  url: string,
  maxAnswerBytes: number,
): Promise<{ readonly url: string; readonly cuts: () => number }> => {
  let cuts = 0
  const { hostname, port } = new URL(url)
  const server = createTcpServer((client) => {
    const upstream = connect(Number(port), hostname)
    client.pipe(upstream)
    client.on('error', () => upstream.destroy()).once('close', () => upstream.destroy())
    upstream.on('error', () => client.destroy()).once('close', () => client.end())
    let leftBytes = maxAnswerBytes
    upstream.on('data', async (bytes: Buffer) => {
      client.write(bytes.subarray(0, leftBytes))
      leftBytes -= bytes.length
      if (leftBytes > 0) return
      upstream.pause()
      cuts += 1
      await sleep(beforeCutMs)
      client.destroy()
    })
  })
  return { url: `http://${await listening(server)}`, cuts: () => cuts }
}
