/** Shapes of JSON documents: what is read from a store is looked at before it is believed. */

/** Whether a value has the shape. */
export type Shape = (value: unknown) => boolean

export const text: Shape = (value) => typeof value === 'string'
export const flag: Shape = (value) => typeof value === 'boolean'
/** A whole number that is held exactly. */
export const whole: Shape = (value) => Number.isSafeInteger(value)

export const oneOf =
  (...values: readonly unknown[]): Shape =>
  (value) =>
    values.includes(value)

export const orNull =
  (shape: Shape): Shape =>
  (value) =>
    value === null || shape(value)

/** A field that may be left out. */
export const optional =
  (shape: Shape): Shape =>
  (value) =>
    value === undefined || shape(value)

export const either =
  (...shapes: readonly Shape[]): Shape =>
  (value) =>
    shapes.some((shape) => shape(value))

export const listOf =
  (shape: Shape): Shape =>
  (value) =>
    Array.isArray(value) && value.every(shape)

/** Exactly these elements, in this order. */
export const tuple =
  (...shapes: readonly Shape[]): Shape =>
  (value) =>
    Array.isArray(value) && value.length === shapes.length && shapes.every((shape, i) => shape(value[i]))

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Any names, each with such a value. */
export const recordOf =
  (shape: Shape, name: Shape = text): Shape =>
  (value) =>
    isObject(value) && Object.entries(value).every(([key, one]) => name(key) && shape(one))

/** These fields; others do no harm. */
export const fields = (shapes: Readonly<Record<string, Shape>>): Shape => {
  const entries = Object.entries(shapes)
  return (value) => {
    if (!isObject(value)) return false
    const own = new Map<string, unknown>(Object.entries(value))
    return entries.every(([name, shape]) => shape(own.get(name)))
  }
}

/** A document of a newer version: its `format` is all that is known of it. */
export const formatAbove = (known: number): Shape =>
  fields({ format: (value) => typeof value === 'number' && value > known })

/** What was stored is not what is there. */
export class DamagedDocument extends Error {
  override readonly name = 'DamagedDocument'
}

/** The document, if it is JSON of this shape; what the shape does not say, the caller vouches for. Throws `DamagedDocument`. */
export const documentFrom = <Value>(body: Buffer, what: string, shape: Shape = () => true): Value => {
  let value: Value
  try {
    value = JSON.parse(body.toString())
  } catch (cause) {
    throw new DamagedDocument(`${what} is no JSON`, { cause })
  }
  if (!shape(value)) throw new DamagedDocument(`${what} is not as it was written`)
  return value
}
