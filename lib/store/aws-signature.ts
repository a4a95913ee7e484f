import aws4 from 'aws4'
import type { AwsCredentials } from './aws-client.ts'

/** A request to an API or a function that IAM guards. */
export type SignedRequest = {
  readonly method: string
  readonly url: string
  /** Of the body; where there is none, of nothing. */
  readonly contentType: string | undefined
  readonly body: Buffer
  /** Where it is not in the host's name. */
  readonly region: string | undefined
}

/** The headers that sign it (AWS docs: "Create a signed AWS API request"). Throws when nothing tells the region. */
export const requestSignature = (
  { method, url, contentType, body, region }: SignedRequest,
  credentials: AwsCredentials,
): Readonly<Record<string, string>> => {
  const { host, pathname, search } = new URL(url)
  const [, door, named] = /\.(execute-api|lambda-url)\.([a-z0-9-]+)\./.exec(host) ?? []
  const where = named ?? region
  if (where === undefined) throw new Error(`nothing tells the region of ${host}: set AWS_REGION`)
  const { headers = {} } = aws4.sign(
    {
      service: door === 'lambda-url' ? 'lambda' : 'execute-api',
      region: where,
      method,
      path: `${pathname}${search}`,
      headers: { host, ...(contentType !== undefined && { 'content-type': contentType }) },
      ...(body.length > 0 && { body }),
    },
    credentials,
  )
  const signed = Object.entries(headers).map(([name, value]): [string, string] => [name.toLowerCase(), String(value)])
  // Whoever sends it sets these, to the same.
  return Object.fromEntries(signed.filter(([name]) => name !== 'host' && name !== 'content-length'))
}
