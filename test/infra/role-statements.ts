import { type FunctionName, functionNames } from '../../lib/infra/bundle.ts'
import type { Statement } from './policy.ts'
import { ofType, only, type Synthesized } from './synthesized.ts'

export { functionNames }

/** What statements name the two stores by. */
export const tableId = 'WadiStorageTableC89C9985'
export const bucketId = 'WadiStorageBucketAB7E073A'

/** The statements of each function's role. Throws where a role is more than one policy of its own. */
export const rolesOf = (stack: Synthesized): Readonly<Record<FunctionName, readonly Statement[]>> => {
  if (Object.keys(ofType(stack, 'AWS::IAM::Policy')).length > 0) throw new Error('there are policies outside of roles')
  const roles = Object.entries(ofType(stack, 'AWS::IAM::Role'))
  const roleOf = (name: FunctionName): readonly Statement[] => {
    const found = roles.filter(([id]) => id.toLowerCase().includes(`${name}role`))
    const [role] = found
    if (role === undefined || found.length > 1) throw new Error(`not exactly one role of ${name}`)
    const { Policies, ManagedPolicyArns } = role[1].Properties
    if (ManagedPolicyArns !== undefined || !Array.isArray(Policies) || Policies.length !== 1) {
      throw new Error(`the role of ${name} is not one policy`)
    }
    return Policies[0].PolicyDocument.Statement
  }
  const [produce, fetch, admin, groups, maintenance] = functionNames
  return {
    produce: roleOf(produce),
    fetch: roleOf(fetch),
    admin: roleOf(admin),
    groups: roleOf(groups),
    maintenance: roleOf(maintenance),
  }
}

export const bucketPolicy = (stack: Synthesized): readonly Statement[] => {
  const { PolicyDocument } = only(stack, 'AWS::S3::BucketPolicy').Properties
  const isPolicy = typeof PolicyDocument === 'object' && PolicyDocument !== null && 'Statement' in PolicyDocument
  if (!isPolicy || !Array.isArray(PolicyDocument.Statement)) throw new Error('the bucket has no policy')
  return PolicyDocument.Statement
}
