import { errors } from '../protocol/errors.ts'
import type { Call } from './context.ts'
import type { ErrorName } from './failures.ts'

/**
 * The code of an error that stands for a whole request to a group. When the stores do not answer nothing is known, and
 * the client has to try again; which error makes it do so depends on the API. All but JoinGroup and OffsetFetch take
 * COORDINATOR_NOT_AVAILABLE, and then look for the coordinator again, which costs them nothing.
 */
export const groupFailure = (errorCode: number, uncertain: ErrorName = 'COORDINATOR_NOT_AVAILABLE'): number =>
  errorCode === errors.REQUEST_TIMED_OUT ? errors[uncertain] : errorCode

/** What a member says of itself, in the form in which Kafka shows it. */
export const clientOf = ({
  clientId,
  connection,
}: Call): { readonly clientId: string; readonly clientHost: string } => ({
  clientId: (clientId ?? '').slice(0, maxClientIdCharacters),
  clientHost: `/${connection.clientAddress.replace(/:\d+$/, '')}`,
})

/** A client id becomes part of its member's id and stands in the group's document; most are much shorter. */
const maxClientIdCharacters = 200
