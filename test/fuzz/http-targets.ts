import { decodeCursor, encodeCursor } from '../../lib/http/cursor.ts'
import { HttpProblem } from '../../lib/http/http-problem.ts'
import { parseJsonSequence } from '../../lib/http/json.ts'
import { BadWhere, parseWhere } from '../../lib/http/where.ts'
import type { Chance } from '../gateway/chance.ts'
import { codecTarget, mustBe, mustEqual, type Target, unlessRefused } from './target.ts'

const topicId = 'AAECAwQFBgcICQoLDA0ODw'

class NoCursor extends Error {}

/** Where a reader is: what is believed comes back as it was. */
const cursors: Target = codecTarget({
  name: 'cursor',
  share: 80,
  refusals: [NoCursor],
  valid: (random) => {
    const positions = Array.from({ length: random.below(5) }, (_, partition): [number, bigint] => [
      partition,
      BigInt(random.below(2 ** 31)),
    ])
    const cursor = { topicId, isWhole: random.below(2) === 0, turn: random.below(5), positions: new Map(positions) }
    return bytesOf(encodeCursor(cursor))
  },
  read: (input) => {
    const cursor = decodeCursor(`c1.${input.toString('base64url')}`)
    if (cursor === undefined) throw new NoCursor()
    return cursor
  },
  write: (cursor) => bytesOf(encodeCursor(cursor)),
})

/** What a cursor's text stands for: mutated as bytes, because most changes of the text are no base64url. */
const bytesOf = (cursor: string): Buffer => Buffer.from(cursor.slice('c1.'.length), 'base64url')

const values = [
  '{"a":[1,2.50,null,true]}',
  '"x\\u00e9"',
  '12345678901234567890',
  '[[[]]]',
  '{"__proto__":1}',
  '1e400',
] as const
const maxValues = 100

/** What is read of a body reads as the same from its own text. */
const json: Target = {
  name: 'JSON',
  share: 80,
  valid: (random) =>
    Buffer.from(
      Array.from({ length: 1 + random.below(4) }, () => random.pick(values)).join(
        random.pick(['', ' ', '\n'] as const),
      ),
    ),
  run: (input) =>
    unlessRefused([HttpProblem], () => {
      const read = parseJsonSequence(input, maxValues)
      const written = read.map((value) => JSON.stringify(value)).join('\n')
      mustEqual(parseJsonSequence(Buffer.from(written), maxValues), read, 'JSON that is read reads as the same again')
    }),
  check: (valid) => mustBe(valid.length > 0, 'there is something to read'),
}

const record = {
  key: 'c9',
  value: { total: 12, tags: ['a', 'b'] },
  headers: { source: 'web' },
  partition: 0,
  offset: 5,
}
const wheres = [
  'value.total > 10',
  'key == "c9" && !(value.total <= 3)',
  "headers.source != 'api' || value.tags[0] == 'a'",
  'value.missing == null',
] as const

/** A condition ends, soon, whatever it asks of a record. */
const conditions: Target = {
  name: 'where',
  share: 60,
  valid: (random: Chance) => Buffer.from(random.pick(wheres)),
  run: (input) =>
    unlessRefused([BadWhere], () => mustBe(typeof parseWhere(input.toString())(record) === 'boolean', 'yes or no')),
  check: (valid) => void unlessRefused([BadWhere], () => parseWhere(valid.toString())(record)),
}

export const httpTargets: readonly Target[] = [cursors, json, conditions]
