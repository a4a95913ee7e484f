import type { Chance } from '../gateway/chance.ts'

/** Changes an input in one or several of the ways in which bytes can be wrong; `other` is another valid input. */
export const mutate = (input: Buffer, other: Buffer, random: Chance): Buffer => {
  let bytes: Buffer = Buffer.from(input)
  for (let left = 1 + (random.below(16) >>> random.below(5)); left > 0; left--) {
    bytes = random.pick(mutations)(bytes, random, other)
  }
  return bytes.length > maxInputBytes ? bytes.subarray(0, maxInputBytes) : bytes
}

/** Inputs stay small: what is expensive must be so in spite of that. */
const maxInputBytes = 64 * 1024

/** May change the buffer it is given. */
type Mutation = (bytes: Buffer, random: Chance, other: Buffer) => Buffer

const flipBits: Mutation = (bytes, random) => {
  if (bytes.length === 0) return bytes
  for (let left = 1 + random.below(3); left > 0; left--) {
    const position = random.below(bytes.length)
    bytes.writeUInt8(bytes.readUInt8(position) ^ (1 << random.below(8)), position)
  }
  return bytes
}

const setByte: Mutation = (bytes, random) => {
  if (bytes.length > 0) bytes.writeUInt8(random.pick(interestingBytes), random.below(bytes.length))
  return bytes
}

const interestingBytes = [0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff, 0x0f, 0x40, 0x22, 0x5c, 0x7b, 0x30] as const

/** Lengths and counts are off by a little. */
const nudge: Mutation = (bytes, random) => {
  if (bytes.length === 0) return bytes
  const position = random.below(bytes.length)
  bytes.writeUInt8((bytes.readUInt8(position) + random.pick([1, -1, 2, -2, 8, 16, -16, 128])) & 255, position)
  return bytes
}

const setNumber: Mutation = (bytes, random) => {
  const widthBytes = random.pick([2, 4, 4, 8])
  if (bytes.length < widthBytes) return bytes
  const position = random.below(bytes.length - widthBytes + 1)
  if (widthBytes === 8) bytes.writeBigInt64BE(BigInt.asIntN(64, random.pick(longs)), position)
  else if (widthBytes === 2) bytes.writeInt16BE(random.pick(shorts), position)
  else if (random.oneIn(3)) bytes.writeInt32LE(random.pick(ints), position)
  else bytes.writeInt32BE(random.pick(ints), position)
  return bytes
}

const shorts = [-1, 0, 1, 255, 256, 32767, -32768, -2] as const
const ints = [-1, 0, 1, -2, 2 ** 31 - 1, -(2 ** 31), 1 << 20, 1 << 24, 65535, 65536, 500_001] as const
const longs = [-1n, 0n, 1n, -2n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, 2n ** 32n, 2n ** 31n] as const

const setVarint: Mutation = (bytes, random) => {
  const varint = random.pick(varints)
  if (bytes.length >= varint.length) varint.copy(bytes, random.below(bytes.length - varint.length + 1))
  return bytes
}

const insertVarint: Mutation = (bytes, random) => {
  const position = random.below(bytes.length + 1)
  return Buffer.concat([bytes.subarray(0, position), random.pick(varints), bytes.subarray(position + random.below(3))])
}

const varints = [
  Buffer.from('ffffffff0f', 'hex'),
  Buffer.from('feffffff0f', 'hex'),
  Buffer.from('ffffffffffffffffff01', 'hex'),
  Buffer.from('feffffffffffffffff01', 'hex'),
  Buffer.from('80808080808000', 'hex'),
  Buffer.from('8080808010', 'hex'),
  Buffer.from('80808008', 'hex'),
  Buffer.from('ffff7f', 'hex'),
  Buffer.from('8001', 'hex'),
  Buffer.from('00', 'hex'),
] as const

const truncate: Mutation = (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1))

const remove: Mutation = (bytes, random) => {
  const from = random.below(bytes.length + 1)
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + random.below(12))])
}

const repeat: Mutation = (bytes, random) => {
  const from = random.below(bytes.length + 1)
  const to = Math.min(bytes.length, from + random.below(60))
  return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from, to), bytes.subarray(to)])
}

const append: Mutation = (bytes, random) => Buffer.concat([bytes, random.bytes(random.below(20))])

/** The head of one input and the tail of another. */
const splice: Mutation = (bytes, random, other) =>
  Buffer.concat([bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(random.below(other.length + 1))])

/** A piece of another input over this one. */
const transplant: Mutation = (bytes, random, other) => {
  const from = random.below(other.length + 1)
  other.copy(bytes, random.below(bytes.length + 1), from, from + 1 + random.below(16))
  return bytes
}

const mutations: readonly [Mutation, ...Mutation[]] = [
  flipBits,
  flipBits,
  flipBits,
  setByte,
  setByte,
  nudge,
  nudge,
  setNumber,
  setNumber,
  setVarint,
  insertVarint,
  truncate,
  remove,
  repeat,
  append,
  splice,
  transplant,
]
