import { at } from '../../lib/protocol/batch.ts'
import { withCrc } from '../support/batches.ts'
import type { Chance } from './chance.ts'

/** A mutated frame as it is sent. Where the size lies, the server may wait for bytes that never come. */
export type Mutant = { readonly bytes: Buffer; readonly sizeLies: boolean }

/** Changes a frame, given without its size, in one or several of the ways in which frames can be wrong. */
export const mutateFrame = (frame: Buffer, random: Chance): Mutant => {
  let bytes: Buffer = Buffer.from(frame)
  for (let left = random.pick([0, 1, 1, 1, 2, 4]); left > 0; left--) bytes = random.pick(mutations)(bytes, random)
  const size = Buffer.alloc(4)
  const sizeLies = random.oneIn(20)
  size.writeInt32BE(sizeLies ? random.pick([0, -1, 3, 2 ** 31 - 1, 100 << 20, bytes.length + 1, 5]) : bytes.length)
  return { bytes: Buffer.concat([size, bytes]), sizeLies: sizeLies || bytes.length < 4 }
}

/** A batch whose checksum is right and whose inside is not. */
export const mutateBatch = (batch: Buffer, random: Chance): Buffer => {
  const mutate = random.pick<Mutation>([flipBits, setNumber, setVarint, cut, repeat])
  // What the checksum does not cover changes seldom: everything else is refused with it.
  const from = random.oneIn(4) ? 0 : at.attributes
  const changed = Buffer.concat([batch.subarray(0, from), mutate(batch.subarray(from), random)])
  if (changed.length < at.records) return changed
  if (from > 0) changed.writeInt32BE(changed.length - at.partitionLeaderEpoch, at.length)
  return random.oneIn(10) ? changed : withCrc(changed)
}

type Mutation = (bytes: Buffer, random: Chance) => Buffer

const flipBits: Mutation = (bytes, random) => {
  const flipped = Buffer.from(bytes)
  for (let left = 1 + random.below(8); left > 0 && bytes.length > 0; left--) {
    const position = random.below(bytes.length)
    flipped.writeUInt8(flipped.readUInt8(position) ^ (1 << random.below(8)), position)
  }
  return flipped
}

/** Counts and lengths are 16 or 32 bits wide, and stand anywhere. */
const setNumber: Mutation = (bytes, random) => {
  const changed = Buffer.from(bytes)
  if (bytes.length < 4) return changed
  const position = random.below(bytes.length - 3)
  if (random.oneIn(2)) changed.writeInt32BE(random.pick([-1, 0, 1, -2, 2 ** 31 - 1, -(2 ** 31), 1 << 20]), position)
  else changed.writeInt16BE(random.pick([-1, 0, 1, 32767, -32768, 255]), position)
  return changed
}

const setVarint: Mutation = (bytes, random) => {
  const changed = Buffer.from(bytes)
  const varint = random.pick(varints)
  if (bytes.length >= varint.length) varint.copy(changed, random.below(bytes.length - varint.length + 1))
  return changed
}

const varints = [
  Buffer.from('ffffffff0f', 'hex'),
  Buffer.from('ffffffffffffffffff01', 'hex'),
  Buffer.from('808080808000', 'hex'),
  Buffer.from('ffff7f', 'hex'),
  Buffer.from('00', 'hex'),
] as const

const cut: Mutation = (bytes, random) => {
  const from = random.below(bytes.length + 1)
  if (random.oneIn(2)) return bytes.subarray(0, from)
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + random.below(20))])
}

const repeat: Mutation = (bytes, random) => {
  const from = random.below(bytes.length + 1)
  const to = Math.min(bytes.length, from + random.below(60))
  return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from, to), bytes.subarray(to)])
}

const append: Mutation = (bytes, random) => Buffer.concat([bytes, random.bytes(random.below(100))])

const noise: Mutation = (_, random) => random.bytes(random.below(200))

/** API key, version, correlation id, or the length of the client id. */
const setHeader: Mutation = (bytes, random) => {
  const changed = Buffer.from(bytes)
  const position = random.pick([0, 2, 4, 8])
  if (bytes.length > position + 2) changed.writeInt16BE(random.pick([0, 1, 18, -1, 99, 12, 32767]), position)
  return changed
}

const mutations: readonly [Mutation, ...Mutation[]] = [
  flipBits,
  flipBits,
  setNumber,
  setNumber,
  setVarint,
  cut,
  repeat,
  append,
  setHeader,
  noise,
]
