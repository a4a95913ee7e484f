import { expect, test } from 'vitest'
import { DamagedAtRest, NewerFormat } from '../../lib/log/at-rest.ts'
import { logFold } from '../../lib/log/fold.ts'
import { decodeIndex } from '../../lib/log/segment.ts'
import { crc32c } from '../../lib/protocol/crc32c.ts'

const row = logFold.encodeRow({ id: 'one-1', at: 7, kind: 'tickets', to: 3 })

const withByte = (bytes: Buffer, position: number, value: number): Buffer => {
  const changed = Buffer.from(bytes)
  changed[position] = value
  return changed
}

/** With the checksum, at `position`, of what stands behind it. */
const sealed = (bytes: Buffer, position: number): Buffer => {
  bytes.writeUInt32BE(crc32c(bytes.subarray(position + 4)), position)
  return bytes
}

const state = (format: number): Buffer => sealed(withByte(logFold.encodeState(logFold.empty, 'shard'), 8, format), 4)
const index = (format: number): Buffer => sealed(Buffer.from([0, 0, 0, 0, format, 0]), 0)

test.each<readonly [string, () => unknown]>([
  ['a row of format 2', () => logFold.decodeRow(withByte(row, 0, 2))],
  ['a row of format 255', () => logFold.decodeRow(withByte(row, 0, 255))],
  ['a row of a kind that is not known', () => logFold.decodeRow(withByte(row, 1, 99))],
  ['a checkpoint of format 2', () => logFold.decodeState(state(2), 'shard')],
  ['a checkpoint of format 128', () => logFold.decodeState(state(128), 'shard')],
  ['an index of format 2', () => decodeIndex(index(2))],
])('%s was written by a newer version', (_, decode) => {
  expect(decode).toThrow(NewerFormat)
})

test.each<readonly [string, () => unknown]>([
  ['a row', () => logFold.decodeRow(withByte(row, 0, 0))],
  ['a checkpoint', () => logFold.decodeState(state(0), 'shard')],
  ['an index', () => decodeIndex(index(0))],
])('the format 0 of %s never was: it is damaged', (_, decode) => {
  expect(decode).toThrow(DamagedAtRest)
})
