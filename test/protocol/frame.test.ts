import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutFrames, FrameCutter, frame } from '../../lib/protocol/frame.ts'
import { MalformedFrame } from '../../lib/protocol/reader.ts'

const limit = 1 << 20

const framed = (body: Uint8Array): Buffer => Buffer.concat(frame((writer) => writer.raw(Buffer.from(body))))

test('a stream gives the same frames however it is cut into chunks', () => {
  const bodies = fc.array(fc.uint8Array({ minLength: 4, maxLength: 5000 }), { maxLength: 8 })
  const chunkBytes = fc.array(fc.integer({ min: 1, max: 6000 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(bodies, chunkBytes, (given, sizes) => {
      const stream = Buffer.concat(given.map(framed))
      const cutter = new FrameCutter(limit)
      const frames: Buffer[] = []
      for (let position = 0, chunk = 0; position < stream.length; chunk++) {
        const size = sizes[chunk % sizes.length] ?? 1
        frames.push(...cutter.push(stream.subarray(position, position + size)))
        position += size
      }
      expect(frames).toEqual(given.map((body) => Buffer.from(body)))
      expect(cutter.pendingBytes).toBe(0)
    }),
  )
})

test('a frame within one chunk is a view of it', () => {
  const chunk = Buffer.concat([framed(Buffer.alloc(5000, 1)), framed(Buffer.alloc(6000, 2))])
  const frames = new FrameCutter(limit).push(chunk)
  expect(frames.map(({ length }) => length)).toEqual([5000, 6000])
  expect(frames.every(({ buffer }) => buffer === chunk.buffer)).toBe(true)
})

test('of a frame that is not complete it is known what has come and what it will be', () => {
  const cutter = new FrameCutter(limit)
  cutter.push(framed(Buffer.alloc(100)).subarray(0, 3))
  expect([cutter.pendingBytes, cutter.arrivingBytes]).toEqual([3, 0])
  cutter.push(framed(Buffer.alloc(100)).subarray(3, 60))
  expect([cutter.pendingBytes, cutter.arrivingBytes]).toEqual([60, 100])
  cutter.push(framed(Buffer.alloc(100)).subarray(60))
  expect([cutter.pendingBytes, cutter.arrivingBytes]).toEqual([0, 0])
})

test.each([
  ['above the limit', limit + 1],
  ['negative', -1],
  ['without room for a correlation id', 3],
])('a size %s is malformed before any of its bytes arrive', (_, size) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(size)
  expect(() => new FrameCutter(limit).push(bytes)).toThrow(MalformedFrame)
})

test('a body of whole frames is cut, one that ends within a frame is malformed', () => {
  const body = Buffer.concat([framed(Buffer.from('first')), framed(Buffer.from('second'))])
  expect(cutFrames(body, limit).map(String)).toEqual(['first', 'second'])
  expect(cutFrames(Buffer.alloc(0), limit)).toEqual([])
  expect(() => cutFrames(body.subarray(0, -1), limit)).toThrow(MalformedFrame)
  expect(() => cutFrames(body.subarray(0, 11), limit)).toThrow(MalformedFrame)
})
