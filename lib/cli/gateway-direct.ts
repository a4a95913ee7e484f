import { openAws } from '../aws.ts'
import { realClock } from '../clock.ts'
import type { Environment, Settings } from '../environment.ts'
import type { Login } from '../gateway/sasl.ts'
import { type GatewayOptions, startGateway } from '../gateway/server.ts'
import { authenticate, parseApiKeys } from '../http/auth.ts'
import type { NodeAddress } from '../journal/nodes.ts'
import { UsageError } from './failures.ts'

export type DirectSetup = {
  readonly settings: Settings
  readonly environment: Environment
  /** Clients log in with one of the keys in `WADI_API_KEYS`. */
  readonly sasl: boolean
  readonly listening: Pick<GatewayOptions, 'host' | 'port' | 'log'>
}

/** Other gateways may write to the same table, and only asking tells; a poll reads a few items. */
const polling = { pollMs: 200, maxPollMs: 1000 }

/** A gateway that is Wadi itself, over the table and the bucket. Returns how to stop it. */
export const startDirect = async ({ settings, environment, sasl, listening }: DirectSetup) => {
  const isKnown = sasl ? byKeys(environment) : undefined
  const node = settings.node ?? nodeAt(listening, environment['WADI_ZONE'])
  const instance = await openAws({ ...settings, node, log: listening.log })
  try {
    const gateway = await startGateway({
      broker: instance.broker,
      ...(isKnown && { authenticate: async (login) => (isKnown(login) ? instance.broker : undefined) }),
      watch: instance.watch,
      timer: realClock,
      ...polling,
      ...listening,
    })
    const { table, bucket } = settings.aws
    await instance.join()
    listening.log(`wadi gateway is ready · Kafka ${gateway.host}:${gateway.port} · table ${table}, bucket ${bucket}`)
    return async (): Promise<void> => {
      await instance.leave()
      await gateway.stop()
      instance.close()
    }
  } catch (error) {
    instance.close()
    throw error
  }
}

/** Several gateways may share a table, so each says where it is; only a port that is not known yet cannot be told. */
const nodeAt = ({ host, port }: DirectSetup['listening'], zone: string | undefined): NodeAddress | undefined => {
  if (port === 0) return undefined
  if (everyAddress.test(host)) {
    throw new UsageError(
      `--host ${host} is every address of this machine: say by --advertise which one clients are told`,
    )
  }
  return { host, port, zone: zone || null }
}

const everyAddress = /^(0\.0\.0\.0|[0:]+)$/

const byKeys = (environment: Environment): ((login: Login) => boolean) => {
  const keys = parseApiKeys(environment['WADI_API_KEYS'] ?? '')
  if (keys === undefined) throw new UsageError('WADI_API_KEYS must be name:sha256 in hex, with commas between')
  return ({ username, password }) => {
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
    return authenticate({ open: false, iam: false, keys }, { authorization, iamCaller: undefined }).admitted
  }
}
