import { Stack } from 'aws-cdk-lib'
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam'
import type { IConstruct } from 'constructs'
import { doors } from './permissions.ts'

/** A Wadi, of this stack or of another one. Grants are for `auth: 'iam'`; API keys may do everything. */
export interface IWadi extends IConstruct {
  /** Where the HTTP API is, without a slash at its end. */
  readonly apiUrl: string
  /** A topic of this name, whether or not it exists. */
  topic(name: string): ITopic
  /** Lets somebody use Kafka's protocol over HTTPS, which covers every topic and group. */
  grantKafka(grantee: IGrantable): Grant
  /** Lets somebody do everything. */
  grantAdmin(grantee: IGrantable): Grant
}

/**
 * One topic. A grant covers its part of the HTTP API and nothing else: frames of Kafka's protocol name topics where API
 * Gateway cannot see them (`IWadi.grantKafka`).
 */
export interface ITopic {
  readonly name: string
  grantProduce(grantee: IGrantable): Grant
  /** With `group`, also to use this group, whose offsets may be those of other topics too. */
  grantConsume(grantee: IGrantable, options?: { readonly group?: string }): Grant
}

/** The grants that a Wadi has, made of the id of its API. */
export const grantsOf = (wadi: IConstruct, apiId: string): Pick<IWadi, 'topic' | 'grantKafka' | 'grantAdmin'> => {
  const grant = (grantee: IGrantable, ...calls: readonly string[]): Grant =>
    Grant.addToPrincipal({
      grantee,
      actions: ['execute-api:Invoke'],
      resourceArns: calls.map((call) =>
        Stack.of(wadi).formatArn({ service: 'execute-api', resource: apiId, resourceName: `*/${call}` }),
      ),
    })
  return {
    topic: (name) => ({
      name,
      grantProduce: (grantee) => grant(grantee, `POST/v1/topics/${name}/records`, `POST/v1/in/${name}`),
      grantConsume: (grantee, { group } = {}) =>
        grant(
          grantee,
          `GET/v1/topics/${name}`,
          `GET/v1/topics/${name}/records`,
          `GET/v1/topics/${name}/partitions/*`,
          ...(group === undefined ? [] : [`*/v1/groups/${group}`, `*/v1/groups/${group}/*`]),
        ),
    }),
    grantKafka: (grantee) => grant(grantee, ...doors.map((door) => `POST/kafka/${door}`)),
    grantAdmin: (grantee) => grant(grantee, '*'),
  }
}
