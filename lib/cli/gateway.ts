import { realClock } from '../clock.ts'
import { type Environment, type Settings, settingsFrom } from '../environment.ts'
import { type Credential, Remote } from '../gateway/remote.ts'
import type { Authenticate, Login } from '../gateway/sasl.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../gateway/server.ts'
import { pricedCalls } from '../gateway/wait.ts'
import { keyCredential } from '../kafkajs.ts'
import { command, type Flags, type Given } from './command.ts'
import { credentialFor } from './credential.ts'
import { CommandError, exits, UsageError } from './failures.ts'
import { aborted, stopSignal } from './stop-signal.ts'

const declared = {
  url: { kind: 'text', value: 'https://…', variable: 'WADI_URL', says: 'the API that the stack printed (ApiUrl)' },
  direct: { kind: 'yes', says: 'to the table and the bucket, from here; $WADI_URL does not count' },
  host: { kind: 'text', variable: 'WADI_HOST', otherwise: '127.0.0.1', says: 'where to listen' },
  port: { kind: 'text', variable: 'WADI_KAFKA_PORT', otherwise: '9092', says: 'where to listen; 0: any free port' },
  sasl: {
    kind: 'yes',
    says: 'clients log in with SASL/PLAIN: name and password are an API key; with --direct $WADI_API_KEYS',
  },
  'api-key': { kind: 'text', value: 'key', variable: 'WADI_API_KEY', says: 'a token, or name:token' },
  iam: { kind: 'yes', says: "calls are signed with this machine's AWS credentials" },
  advertise: {
    kind: 'text',
    value: 'host:port',
    variable: 'WADI_ADVERTISE',
    says: 'with --direct: what clients and other gateways are told',
  },
  zone: { kind: 'text', variable: 'WADI_ZONE', says: 'with --direct: the availability zone' },
} as const satisfies Flags

type GivenFlags = Given<typeof declared>['flags']

/** Runs until it is told to stop. */
export const gateway = command({
  name: 'gateway',
  summary: "Kafka's protocol over TCP here, Wadi in AWS behind it",
  about: `Point any Kafka client at it. One of --url and --direct says what is behind it.

With --url, who asks is proved by the first of these that there is: --sasl, --api-key, --iam; and by --iam
unasked where the URL is one of AWS. With --direct it needs this machine's AWS credentials, AWS_REGION,
WADI_TABLE and WADI_BUCKET.`,
  arguments: [],
  flags: declared,
  examples: [
    {
      line: 'wadi gateway --url https://abc.execute-api.eu-central-1.amazonaws.com',
      says: 'for clients on this machine',
    },
    { line: 'wadi gateway --direct --host 10.0.0.7 --advertise 10.0.0.7:9092', says: 'one of several, for a network' },
  ],
  run: async ({ flags }, { environment }) => {
    await serve(flags, environment)
    // What was cut off may still be trying; nobody waits for its answer any more.
    process.exit(exits.ok)
  },
})

const serve = async (flags: GivenFlags, given: Environment): Promise<void> => {
  const { url, direct, sasl } = flags
  if (direct && url !== undefined && url !== given['WADI_URL'])
    throw new UsageError('--url and --direct: only one of them is possible')
  if (!direct && url === undefined) throw new UsageError('neither --url nor --direct is given')
  const environment = {
    ...given,
    WADI_STORE: direct ? 'aws' : given['WADI_STORE'],
    WADI_KAFKA_PORT: flags.port,
    WADI_ADVERTISE: flags.advertise,
    WADI_ZONE: flags.zone,
  }
  const settings = settingsFrom(environment)
  const stopping = stopSignal()
  const listening = { host: flags.host ?? '127.0.0.1', port: settings.kafkaPort, log }
  if (!onlyHere.test(listening.host)) log(sasl ? warnings.readable : warnings.open)
  const stop = direct
    ? await (await import('./gateway-direct.ts')).startDirect({ settings, environment, sasl, listening })
    : await startRemote(urlOf(url ?? ''), { flags, settings, listening })
  await aborted(stopping)
  log('stopping')
  await stop()
}

const onlyHere = /^(127\.|\[?::1\]?$|localhost$)/

/** For an address that others reach. */
const warnings = {
  open: 'warning: whoever reaches this address may do everything; with --sasl clients log in',
  readable: 'warning: passwords travel as they are; let only networks that you trust reach this address',
  plain: 'warning: records and keys travel as they are to an http:// URL; use https://',
} as const

type Listening = Pick<GatewayOptions, 'host' | 'port' | 'log'>

/** Everything people should see goes to stderr. */
const log = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

const urlOf = (text: string): string => {
  const url = URL.parse(text)
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return text
  throw new UsageError(`--url is "${text}": it must begin with https:// or http://`)
}

type RemoteSetup = {
  readonly flags: GivenFlags
  readonly settings: Settings
  readonly listening: Listening
}

const startRemote = async (url: string, setup: RemoteSetup): Promise<Gateway['stop']> => {
  const { protocol, hostname } = new URL(url)
  if (protocol === 'http:' && !onlyHere.test(hostname)) log(warnings.plain)
  const remote = new Remote({ url, timer: realClock, random: realClock.random })
  const ask = credentialFor(url, { apiKey: setup.flags['api-key'], iam: setup.flags.iam }, setup.settings)
  const own: Credential = (request) => ask({ ...request, method: 'POST', contentType: 'application/octet-stream' })
  const here = { advertised: { host: setup.listening.host, port: 1 }, clientAddress: 'this gateway' }
  if (!setup.flags.sasl && !(await remote.accepts(own, here))) {
    const advice = "check --api-key, or AWS's variables with --iam"
    throw new CommandError(`${url} does not accept the credential: ${advice}`, exits.auth)
  }
  const authenticate: Authenticate = async ({ username, password }: Login) => {
    const theirs = keyCredential(`${username}:${password}`)
    return (await remote.accepts(theirs, here)) ? remote.brokerFor(theirs) : undefined
  }
  const gateway = await startGateway({
    broker: remote.brokerFor(own),
    ...(setup.flags.sasl && { authenticate }),
    watch: remote.watch,
    timer: realClock,
    ...pricedCalls,
    ...setup.listening,
    limits: { maxProduceCalls: 1 },
  })
  log(`wadi gateway is ready · Kafka ${gateway.host}:${gateway.port} · ${url}`)
  return gateway.stop
}
