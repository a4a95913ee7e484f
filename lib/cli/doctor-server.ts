import { realClock } from '../clock.ts'
import { version } from '../version.ts'
import { Client } from './client.ts'
import type { Surroundings } from './command.ts'
import type { Finding } from './doctor.ts'
import { CommandError } from './failures.ts'
import type { ServerAddress } from './server-address.ts'

/** AWS refuses signatures that are 5 minutes off (AWS docs: "Troubleshoot SigV4 signing"). */
const maxSkewMs = { ok: 5000, warn: 240_000 }
/** A doctor has no patience. */
const timeoutMs = 10_000

/** Whether there is a server, and whether it is one for us. */
export const serverChecks = async (
  address: ServerAddress,
  environment: Surroundings['environment'],
): Promise<readonly Finding[]> => {
  const client = new Client({ ...address, timeoutMs: Math.min(timeoutMs, address.timeoutMs) }, environment)
  const check = 'server'
  const where = `${address.url}${address.toldBy === undefined ? '' : `, from ${address.toldBy}`}`
  try {
    const sentMs = realClock.now()
    const { body, headers } = await client.answer<{ readonly version: string }>({ path: '/v1/version' })
    const clock = clockCheck(headers.get('date'), (sentMs + realClock.now()) / 2)
    await client.ask({ path: '/v1/topics', query: { limit: 1 } })
    const says = `${where}: wadi ${body.version}, and it lets us in`
    if (body.version === version()) return [{ check, state: 'ok', says }, ...clock]
    return [{ check, state: 'warn', says, todo: `this is wadi ${version()}: install the same` }, ...clock]
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    // Nobody has said that there is one.
    const state = address.toldBy === undefined && !client.hasAnswered ? 'warn' : 'fail'
    const [says = '', ...todo] = error.message.split(': ')
    return [{ check, state, says, todo: todo.join(': ') || 'see its log' }]
  }
}

const clockCheck = (date: string | null, hereMs: number): readonly Finding[] => {
  const thereMs = Date.parse(date ?? '')
  if (Number.isNaN(thereMs)) return []
  // The header has whole seconds.
  const skewMs = Math.max(0, Math.abs(hereMs - thereMs) - 1000)
  const says = skewMs < 1000 ? "as the server's" : `${Math.round(skewMs / 1000)} s off the server's`
  const state = skewMs <= maxSkewMs.ok ? 'ok' : skewMs <= maxSkewMs.warn ? 'warn' : 'fail'
  return [{ check: 'clock', state, says, ...(state !== 'ok' && { todo: 'set this clock by NTP' }) }]
}
