/** Kafka's murmur2 of a key, as signed 32 bits (Kafka source: `Utils.murmur2`). */
export const murmur2 = (data: Buffer): number => {
  const { length } = data
  let hash = seed ^ length
  let position = 0
  for (; position + 4 <= length; position += 4) {
    let word = Math.imul(data.readInt32LE(position), mixing)
    word ^= word >>> 24
    hash = Math.imul(hash, mixing) ^ Math.imul(word, mixing)
  }
  const rest = length - position
  if (rest > 0) hash = Math.imul(hash ^ data.readUIntLE(position, rest), mixing)
  hash = Math.imul(hash ^ (hash >>> 13), mixing)
  return hash ^ (hash >>> 15)
}

const seed = 0x9747b28c
const mixing = 0x5bd1e995

/** Where Kafka's clients put a record with this key. */
export const partitionOfKey = (key: Buffer, partitions: number): number => (murmur2(key) & 0x7fff_ffff) % partitions
