/** Pieces of rows and checkpoints at rest that both share. */
import type { Reader } from '../protocol/reader.ts'
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

/** Sequence numbers and milliseconds: whole numbers below 2⁵³. */
export const writeSeq = (writer: Writer, value: number): void => writer.varlong(BigInt(value))

export const readSeq = (reader: Reader): number => Number(reader.varlong())

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

export const readList = <Element>(reader: Reader, read: () => Element): Element[] =>
  Array.from({ length: reader.unsignedVarint() }, read)
