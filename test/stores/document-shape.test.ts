import { expect, test } from 'vitest'
import { newGroup } from '../../lib/group/group.ts'
import { decodeGroup, encodeGroup, NewerGroupFormat } from '../../lib/group/group-bytes.ts'
import { decodeOffsets } from '../../lib/group/offsets-bytes.ts'
import { DamagedDocument, documentFrom, fields, whole } from '../../lib/store/document-shape.ts'

const decode = (text: string) => decodeGroup(Buffer.from(text), async () => Buffer.alloc(0))

test.each(['', '{', '[]', 'null', '{"n":1.5}', '{"n":"1"}', '{}', '{"n":9007199254740992}'])(
  '%s is damaged',
  (text) => {
    expect(() => documentFrom(Buffer.from(text), 'it', fields({ n: whole }))).toThrow(DamagedDocument)
  },
)

test('a document of its shape is read, whatever else is in it', () => {
  expect(documentFrom(Buffer.from('{"n":1,"more":2}'), 'it', fields({ n: whole }))).toEqual({ n: 1, more: 2 })
})

const group = encodeGroup(newGroup({ nowMs: 0, randomId: 'life' }), () => undefined).toString()

test.each([
  ['"members":[]', '"members":{}'],
  ['"members":[]', '"members":[{}]'],
  ['"generation":0', '"generation":"0"'],
  ['"type":"classic"', '"type":"plastic"'],
  ['"format":1', '"format":0'],
])('a group with %s changed into %s is damaged', async (from, to) => {
  expect(group).toContain(from)
  await expect(decode(group.replace(from, to))).rejects.toThrow(DamagedDocument)
})

test('a group of a newer format is no damage', async () => {
  await expect(decode(group.replace('"format":1', '"format":3'))).rejects.toThrow(NewerGroupFormat)
})

test.each(['["x",0,"",0,0]', '["1",0,"",0]', '[1,0,"",0,0]', 'null'])('an offset of %s is damaged', (offset) => {
  const body = Buffer.from(`{"format":1,"fence":0,"commits":0,"partitions":{"0":${offset}}}`)
  expect(() => decodeOffsets(body)).toThrow(DamagedDocument)
})
