import { type Environment, SettingsError } from './environment.ts'
import { type Access, everybody, parseApiKeys } from './http/auth.ts'

/**
 * Who may ask, as the environment says it: `WADI_AUTH=iam` lets in whom the door has verified, `WADI_API_KEYS` whoever
 * has one of its tokens (`name:sha256hex`, with commas between). With neither a function lets nobody in. Throws
 * `SettingsError`.
 */
export const accessFrom = (environment: Environment): Access => {
  const auth = environment['WADI_AUTH'] || 'keys'
  if (auth !== 'iam' && auth !== 'keys') throw new SettingsError(`WADI_AUTH is "${auth}": it must be one of iam, keys`)
  const written = environment['WADI_API_KEYS']
  const keys = written ? parseApiKeys(written) : []
  // What is wrong with it is not told: a token that was put here by mistake would be in the log.
  if (keys === undefined) throw new SettingsError('WADI_API_KEYS must be name:sha256hex, with commas between several')
  return { open: false, iam: auth === 'iam', keys }
}

/** The same for a server on a machine of one's own: without keys everybody there is let in. Throws `SettingsError`. */
export const localAccessFrom = (environment: Environment): Access => {
  const access = accessFrom(environment)
  if (access.iam) throw new SettingsError('WADI_AUTH=iam needs a door of AWS: use WADI_API_KEYS here')
  return access.keys.length > 0 ? access : everybody
}
