import type { AwsCredentials } from './aws-client.ts'

/**
 * The credentials of the person or machine that runs this: profile, single sign-on, web identity, role of the machine.
 * Loaded when first asked for, which takes longer than everything else that is loaded; renewed before they expire.
 */
export const machineCredentials = (): (() => Promise<AwsCredentials>) => {
  let provider: Promise<() => Promise<AwsCredentials>> | undefined
  return async () => {
    provider ??= import('@aws-sdk/credential-provider-node').then(({ defaultProvider }) => defaultProvider())
    return (await provider)()
  }
}
