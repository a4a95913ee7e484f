import { keyHeaders } from '../api-key.ts'
import type { Settings } from '../environment.ts'

/** What proves who asks: headers for a request. */
export type RequestCredential = (request: AskedRequest) => Promise<Readonly<Record<string, string>>>

type AskedRequest = {
  readonly method: string
  readonly url: string
  readonly contentType: string | undefined
  readonly body: Buffer
}

type Proofs = {
  readonly apiKey: string | undefined
  /** Sign although the host is not AWS's own: an API behind a domain of its own. */
  readonly iam: boolean
}

/** An API key where there is one; this machine's AWS credentials for AWS's hosts, or where told to; otherwise nothing. */
export const credentialFor = (url: string, { apiKey, iam }: Proofs, { aws }: Settings): RequestCredential => {
  if (apiKey !== undefined || !isSigned(url, iam)) return async () => keyHeaders(apiKey)
  const { credentials, region } = aws.dynamo
  return async (request) => {
    const { requestSignature } = await import('../store/aws-signature.ts')
    return requestSignature({ ...request, region }, await credentials())
  }
}

/** Whether this machine's AWS credentials prove who asks there, where no key does. */
export const isSigned = (url: string, iam: boolean): boolean => iam || awsHost.test(new URL(url).hostname)

const awsHost = /\.(amazonaws\.com(\.cn)?|on\.aws)$/
