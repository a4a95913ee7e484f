/** As much of IAM as our policies use: whoever adds a condition that is not here is told. */
export type Statement = {
  readonly Sid?: string
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: string | readonly string[]
  readonly Resource: unknown
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

export type Request = {
  readonly action: string
  readonly resource: string
  /** Condition keys that the request has, as IAM knows them. */
  readonly keys?: Readonly<Record<string, string>>
}

/** One deny is enough; without an allow nothing is allowed. */
export const isAllowed = (statements: readonly Statement[], request: Request): boolean => {
  const matching = statements.filter((statement) => matches(statement, request))
  return matching.some(({ Effect }) => Effect === 'Allow') && !matching.some(({ Effect }) => Effect === 'Deny')
}

const matches = ({ Action, Resource, Condition = {} }: Statement, { action, resource, keys = {} }: Request): boolean =>
  listOf(Action).some((pattern) => isLike(String(pattern), action)) &&
  listOf(Resource).some((pattern) => isLike(flattened(pattern), resource)) &&
  Object.entries(Condition).every(([operator, tests]) =>
    Object.entries(tests).every(([key, wanted]) => holds(operator, keys[key], listOf(wanted).map(String))),
  )

const holds = (operator: string, value: string | undefined, wanted: readonly string[]): boolean => {
  switch (operator) {
    case 'ForAllValues:StringLike':
      return value === undefined || wanted.some((pattern) => isLike(pattern, value))
    case 'Null':
      return wanted.includes(String(value === undefined))
    case 'Bool':
      return value !== undefined && wanted.includes(value)
    case 'NumericLessThan':
      return value !== undefined && wanted.some((limit) => Number(value) < Number(limit))
    default:
      throw new Error(`the condition ${operator} is not simulated`)
  }
}

/** `*` stands for any characters, slashes too. */
const isLike = (pattern: string, text: string): boolean =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`, 's').test(text)

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value])

/** A resource as one text: what a template refers to is named by its logical id. */
export const flattened = (value: unknown): string => {
  if (typeof value === 'string') return value
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : []
  const [[name, inner] = ['', undefined]] = entries
  if (name === 'Ref') return String(inner)
  if (name === 'Fn::GetAtt') return String(listOf(inner)[0])
  if (name === 'Fn::Join') return listOf(listOf(inner)[1]).map(flattened).join('')
  throw new Error(`not a resource: ${JSON.stringify(value)}`)
}
