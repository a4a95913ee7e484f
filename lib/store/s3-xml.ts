import type { ListedObject } from './objects.ts'

/**
 * The objects of a page as S3 lists them (docs: "ListObjectsV2"). Only what is needed is looked for. Throws when the text
 * is no whole list: what is cut off must not look like an empty bucket.
 */
export const listedIn = (xml: string): readonly ListedObject[] => {
  if (!/<ListBucketResult[\s>]/.test(xml) || !xml.trimEnd().endsWith('</ListBucketResult>')) {
    throw new Error('the list is no list, or not whole')
  }
  return [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, contents = '']) => {
    const key = textIn(contents, 'Key')
    const sizeBytes = Number(textIn(contents, 'Size') || Number.NaN)
    const modifiedMs = Date.parse(textIn(contents, 'LastModified') ?? '')
    if (key === undefined || !Number.isSafeInteger(sizeBytes) || Number.isNaN(modifiedMs)) {
      throw new Error(`an object without key, size or date: ${contents}`)
    }
    return { key, sizeBytes, modifiedMs }
  })
}

/** What stands in the first element of this name, which has only text in it. */
export const textIn = (xml: string, element: string): string | undefined => {
  const text = new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml)?.[1]
  return text?.replace(/&(#x?)?(\w+);/gi, (entity, kind: string | undefined, name: string) => {
    const point = kind === undefined ? points[name] : Number.parseInt(name, kind === '#' ? 10 : 16)
    return point === undefined || !(point <= maxPoint) ? entity : String.fromCodePoint(point)
  })
}

/** XML has no other names of characters. */
const points: Readonly<Record<string, number>> = { amp: 0x26, lt: 0x3c, gt: 0x3e, quot: 0x22, apos: 0x27 }

const maxPoint = 0x10ffff
