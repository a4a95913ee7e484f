import { once } from 'node:events'
import { createServer } from 'node:http'
import { authenticate, everybody, parseApiKeys } from '../../lib/http/auth.ts'
import type { BodyLimits } from '../../lib/http/body-limits.ts'
import type { Answer } from '../../lib/http/exchange.ts'
import { answerFrames } from '../../lib/http/frames.ts'
import { openMemory } from '../../lib/local.ts'

export type Doors = AsyncDisposable & {
  readonly url: string
  /** What was posted: the door, and how many bytes. */
  readonly posted: readonly { readonly door: string; readonly bytes: number }[]
  /** Instead of the next answer. */
  readonly answerNext: (answer: Answer) => void
  /** The next Produce frames are done, and their answer is cut off in the middle. */
  readonly breakOff: () => void
  /** The most calls that were open at the same time. */
  readonly overlap: () => number
}

/** Wadi behind HTTP, in memory: the functions' doors without their cloud. */
export const startDoors = async (
  apiKeys?: string,
  limits: BodyLimits = { maxRequestBytes: 4_500_000 },
): Promise<Doors> => {
  const log = (): void => {}
  const instance = openMemory({ lingerMs: 0, autoCreateTopics: true, numPartitions: 3, log })
  const keys = parseApiKeys(apiKeys ?? '') ?? []
  const access = apiKeys === undefined ? everybody : { open: false, iam: false, keys }
  const posted: { door: string; bytes: number }[] = []
  const instead: Answer[] = []
  let isBreaking = false
  let open = 0
  let overlap = 0
  const answer = async (
    door: string,
    body: Buffer,
    headers: Readonly<Record<string, string | undefined>>,
  ): Promise<Answer> => {
    const who = authenticate(access, { authorization: headers['authorization'], iamCaller: undefined })
    if (!who.admitted) return who.answer
    const other = instead.shift()
    if (other) return other
    if (door !== 'produce' && door !== 'fetch' && door !== 'admin' && door !== 'groups')
      throw new Error(`no door ${door}`)
    const request = {
      method: 'POST',
      door,
      contentType: headers['content-type'],
      advertise: headers['x-kafka-advertise'],
      host: headers['host'] ?? '',
      clientAddress: '127.0.0.1',
      body,
    } as const
    return answerFrames(async () => instance.broker, request, limits)
  }
  const server = createServer(async (request, response) => {
    overlap = Math.max(overlap, ++open)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const door = request.url?.split('/').at(-1) ?? ''
    posted.push({ door, bytes: body.length })
    const { headers } = request
    const flat = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
    const { status, headers: told, body: reply } = await answer(door, body, flat)
    open--
    if (!isBreaking || door !== 'produce') {
      response.writeHead(status, { ...told }).end(reply)
      return
    }
    isBreaking = false
    response.writeHead(status, { ...told, 'content-length': reply.length })
    response.write(reply.subarray(0, 5), () => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  return {
    url: `http://127.0.0.1:${port}`,
    posted,
    answerNext: (other) => instead.push(other),
    breakOff: () => {
      isBreaking = true
    },
    overlap: () => overlap,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      instance.close()
    },
  }
}
