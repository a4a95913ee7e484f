import { expect, test } from 'vitest'
import { realClock } from '../../lib/clock.ts'
import { encodeCursor } from '../../lib/http/cursor.ts'
import { listenHttp } from '../../lib/http/listen.ts'
import { httpWorld } from './world.ts'

test('a topic of thousands of partitions is followed by its cursor over a connection', async () => {
  const { app, ask } = httpWorld()
  const partitions = 4096
  await ask('PUT', '/v1/topics/big', { body: { partitions } })
  const { id } = (await ask('GET', '/v1/topics/big')).body
  const server = await listenHttp(app, { host: '127.0.0.1', port: 0, sleep: realClock.sleep })
  try {
    const url = `http://127.0.0.1:${server.port}/v1/topics/big/records`
    const read = async (from: string, headers: Readonly<Record<string, string>> = {}) => {
      const answer = await fetch(`${url}?from=${from}`, { headers })
      return { status: answer.status, text: await answer.text() }
    }
    const first = await read('earliest')
    const { next } = JSON.parse(first.text)
    expect(await read(next)).toEqual(first)
    // Offsets that are not there are said to be gone: the cursor came through.
    const positions = new Map(Array.from({ length: partitions }, (_, index) => [index, 2n ** 40n]))
    const far = encodeCursor({ topicId: id, isWhole: true, turn: 0, positions })
    expect(far.length).toBeGreaterThan(40_000)
    expect((await read(far)).status).toBe(410)
    expect((await read('earliest', { accept: 'text/event-stream', 'last-event-id': far })).text).toContain(
      'CURSOR_EXPIRED',
    )
  } finally {
    await server.stop()
  }
})
