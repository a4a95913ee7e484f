/** Pieces of rows and checkpoints at rest that both share. */
import { MalformedFrame, type Reader } from '../protocol/reader.ts'
import type { Writer } from '../protocol/writer.ts'
import type { Segment } from './state.ts'

/** Written by a newer version of Wadi: this one must neither guess nor write until it is upgraded. */
export class NewerFormat extends Error {
  override readonly name = 'NewerFormat'
  constructor(what: string) {
    super(`${what} was written by a newer version of Wadi: upgrade this one`)
  }
}

/** What was stored is not what is there: damaged, or the bytes of something else. */
export class DamagedAtRest extends Error {
  override readonly name = 'DamagedAtRest'
}

/**
 * The format at the start of what is stored, which is to be `known`. One that does not know a format reads nothing of
 * it and guesses nothing: bytes of 128 and more are formats like any other.
 */
export const expectFormat = (reader: Reader, known: number, what: string): void => {
  const written = reader.int8() & 0xff
  if (written > known) throw new NewerFormat(what)
  if (written < known) throw new DamagedAtRest(`${what} has a format that never was`)
}

/** Sequence numbers and milliseconds: whole numbers below 2⁵³. */
export const writeSeq = (writer: Writer, value: number): void => writer.varlong(BigInt(value))

export const readSeq = (reader: Reader): number => {
  const value = Number(reader.varlong())
  if (!Number.isSafeInteger(value)) throw new MalformedFrame(`${value} is not below 2⁵³`)
  return value
}

export const writeSegment = (writer: Writer, segment: Segment): void => {
  writer.compactString(segment.name)
  writer.unsignedVarint(segment.position)
  writer.unsignedVarint(segment.sizeBytes)
  writer.unsignedVarint(segment.indexBytes)
  writer.varlong(segment.baseOffset)
  writer.varlong(segment.endOffset - segment.baseOffset)
  writer.varlong(segment.maxTimestamp)
}

export const readSegment = (reader: Reader): Segment => {
  const name = reader.compactString()
  const position = reader.unsignedVarint()
  const sizeBytes = reader.unsignedVarint()
  const indexBytes = reader.unsignedVarint()
  const baseOffset = reader.varlong()
  const endOffset = baseOffset + reader.varlong()
  return { name, position, sizeBytes, indexBytes, baseOffset, endOffset, maxTimestamp: reader.varlong() }
}

export const writeList = <Element>(
  writer: Writer,
  list: readonly Element[],
  write: (element: Element) => void,
): void => {
  writer.unsignedVarint(list.length)
  for (const element of list) write(element)
}

/** Every element takes a byte at least: a length that cannot be true fails before anything is allocated for it. */
export const readList = <Element>(reader: Reader, read: () => Element): Element[] => {
  const length = reader.unsignedVarint()
  if (length > reader.remaining) throw new MalformedFrame(`a list of ${length} elements does not fit`)
  return Array.from({ length }, read)
}
