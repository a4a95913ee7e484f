import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import type { AwsAccess } from '../../lib/store/aws-client.ts'
import { StoreUnavailable } from '../../lib/store/items.ts'
import { s3Objects } from '../../lib/store/s3.ts'
import { anybody } from '../support/emulator.ts'
import { listening } from '../support/loopback.ts'

const mib = 1024 * 1024
/** The limit on silence: uploads below last longer than this. */
const timeoutMs = 1500

/** A bucket whose line is as fast as `receive` reads. */
const bucketThat = async (receive: (request: IncomingMessage) => Promise<void>): Promise<AwsAccess> => {
  const server = createServer(async (request, response) => {
    await receive(request)
    response.end()
  })
  return { ...anybody, timeoutMs, endpoint: `http://${await listening(server)}` }
}

/** Parts of all sizes, cut where pieces are not. */
const body = [3, 64 * mib, 256 * 1024, 0, 1000, 5].map((length, i) => Buffer.alloc(length, i + 1))

test('an upload may take as long as it goes on, over a slow line too', async () => {
  let [sum, sizeBytes] = [0, 0]
  const access = await bucketThat(async (request) => {
    for await (const chunk of request) {
      sum = crc32(chunk, sum)
      const pauses = Math.floor((sizeBytes + chunk.length) / (2 * mib)) - Math.floor(sizeBytes / (2 * mib))
      sizeBytes += chunk.length
      for (let i = 0; i < pauses; i++) await pause((2 * timeoutMs) / 32)
    }
  })
  using objects = s3Objects(access, 'b')
  expect(await objects.putIfAbsent('k', body)).toBe('stored')
  expect(sizeBytes).toBe(body.reduce((sum, { length }) => sum + length, 0))
  expect(sum).toBe(body.reduce((sum, part) => crc32(part, sum), 0))
})

test('an upload that goes on no more is given up', async () => {
  const access = await bucketThat(async (request) => {
    request.on('error', () => {})
    await once(request, 'data')
    request.pause()
    await new Promise((resolve) => request.once('close', resolve))
  })
  using objects = s3Objects(access, 'b')
  await expect(objects.putIfAbsent('k', body)).rejects.toThrow(StoreUnavailable)
})

test('a bucket that answers before it has read everything is believed', async () => {
  const access = await bucketThat(async () => {})
  using objects = s3Objects(access, 'b')
  expect(await objects.putIfAbsent('k', body)).toBe('stored')
})
