import type { Broker } from '../broker/broker.ts'
import type { Authenticate, Login } from './sasl.ts'

/** A login by whoever is at this address, with its port. */
export type AuthenticateFrom = (login: Login, clientAddress: string) => Promise<Broker | undefined>

const maxFailures = 10
const windowMs = 60_000
/** Names at addresses; beyond them the oldest is forgotten. */
const maxRemembered = 10_000
const maxNameLength = 100

/**
 * Asks nobody about a name that has failed ten times in a minute from one address, until the minute is over: where every
 * question is a call with a price, a client that is set up wrongly, or guesses, would pay for thousands. Other names and
 * other addresses go on, and what has succeeded is not counted.
 */
export const limitedAttempts = (authenticate: Authenticate, now: () => number): AuthenticateFrom => {
  const failures = new Map<string, { readonly count: number; readonly sinceMs: number }>()
  return async (login, clientAddress) => {
    const who = `${clientAddress.replace(/:\d+$/, '')} ${login.username.slice(0, maxNameLength)}`
    const recent = (): { readonly count: number; readonly sinceMs: number } => {
      const found = failures.get(who)
      return found !== undefined && now() - found.sinceMs < windowMs ? found : { count: 0, sinceMs: now() }
    }
    if (recent().count >= maxFailures) return undefined
    const broker = await authenticate(login)
    const { count, sinceMs } = recent()
    failures.delete(who)
    if (broker !== undefined) return broker
    failures.set(who, { count: count + 1, sinceMs })
    const [oldest] = failures.keys()
    if (failures.size > maxRemembered && oldest !== undefined) failures.delete(oldest)
    return undefined
  }
}
