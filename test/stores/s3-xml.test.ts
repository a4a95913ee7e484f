import { expect, test } from 'vitest'
import { listedIn, textIn } from '../../lib/store/s3-xml.ts'

const contents = (key: string, size = '5', date = '2026-11-20T01:02:03.000Z') =>
  `<Contents><Key>${key}</Key><LastModified>${date}</LastModified><ETag>&quot;e&quot;</ETag><Size>${size}</Size></Contents>`
const list = (inner: string) =>
  `<?xml version="1.0"?>\n<ListBucketResult xmlns="http://s3"><Name>b</Name>${inner}</ListBucketResult>\n`

test('a list is read with keys, sizes and dates, whatever else is in it', () => {
  const modifiedMs = Date.UTC(2026, 10, 20, 1, 2, 3)
  expect(listedIn(list(`${contents('a/b')}${contents('c', '0')}`))).toEqual([
    { key: 'a/b', sizeBytes: 5, modifiedMs },
    { key: 'c', sizeBytes: 0, modifiedMs },
  ])
  expect(listedIn(list('<KeyCount>0</KeyCount>'))).toEqual([])
})

test.each([
  ['&amp;lt;', '&lt;'],
  ['&#39;&#x1F600;&quot;', '\'\u{1f600}"'],
  ['&unknown;&#x110000;', '&unknown;&#x110000;'],
])('entities are decoded, once: %s', (written, key) => {
  expect(textIn(`<Key>${written}</Key>`, 'Key')).toBe(key)
})

test.each([
  ['nothing', ''],
  ['a web page', '<html><body>no</body></html>'],
  ['a list that was cut off', list(contents('a')).slice(0, -20)],
  ['an object without a size', list(contents('a', ''))],
  ['an object without a date', list(contents('a', '1', ''))],
])('%s is no list', (_, xml) => {
  expect(() => listedIn(xml)).toThrow()
})
