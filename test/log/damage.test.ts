import { expect, test } from 'vitest'
import { DamagedAtRest } from '../../lib/log/at-rest.ts'
import { logFold } from '../../lib/log/fold.ts'
import { decodeIndex } from '../../lib/log/segment.ts'
import { crc32c } from '../../lib/protocol/crc32c.ts'
import { MalformedFrame } from '../../lib/protocol/reader.ts'

const withFlip = (bytes: Buffer, bit: number): Buffer => {
  const flipped = Buffer.from(bytes)
  flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
  return flipped
}

const sealed = (bytes: Buffer, position: number): Buffer => {
  bytes.writeUInt32BE(crc32c(bytes.subarray(position + 4)), position)
  return bytes
}

test('no bit of a row can change unnoticed', () => {
  const row = logFold.encodeRow({ id: 'one-1', at: 1_700_000_000_000, kind: 'trim', partition: 3, logStartOffset: 7n })
  for (let bit = 0; bit < row.length * 8; bit++) expect(() => logFold.decodeRow(withFlip(row, bit))).toThrow()
})

test('no bit of a checkpoint can change unnoticed', () => {
  const state = logFold.encodeState(logFold.empty, 'shard')
  for (let bit = 0; bit < state.length * 8; bit++) {
    expect(() => logFold.decodeState(withFlip(state, bit), 'shard')).toThrow(DamagedAtRest)
  }
})

test.each([0, 4, 5, 7])('a checkpoint that is cut after %i bytes is damaged', (length) => {
  const cut = logFold.encodeState(logFold.empty, 'shard').subarray(0, length)
  expect(() => logFold.decodeState(cut, 'shard')).toThrow(DamagedAtRest)
})

test('a list that cannot be as long as it says is malformed before anything is allocated for it', () => {
  const index = sealed(Buffer.from('0000000001ffffffff0f00', 'hex'), 0)
  expect(() => decodeIndex(index)).toThrow(MalformedFrame)
  expect(() => decodeIndex(sealed(Buffer.from('000000000180808008', 'hex'), 0))).toThrow(MalformedFrame)
})

test('a seq beyond what a number holds exactly is malformed', () => {
  const row = logFold.encodeRow({ id: '', at: 0, kind: 'tickets', to: 1 })
  const longer = Buffer.concat([row.subarray(0, -1), Buffer.from('feffffffffffffffff01', 'hex')])
  longer.writeUInt32BE(crc32c(longer.subarray(6), crc32c(longer.subarray(0, 2))), 2)
  expect(() => logFold.decodeRow(longer)).toThrow(MalformedFrame)
})
