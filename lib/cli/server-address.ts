import { existsSync, readFileSync } from 'node:fs'
import type { Flags, Surroundings } from './command.ts'
import { CommandError, UsageError } from './failures.ts'

/** For commands that ask a server. */
export const clientFlags = {
  url: {
    kind: 'text',
    value: 'https://…',
    variable: 'WADI_URL',
    otherwise: 'url in wadi.json, ApiUrl in cdk-outputs.json, http://127.0.0.1:8080',
    says: 'where the server is',
  },
  'api-key': { kind: 'text', value: 'key', variable: 'WADI_API_KEY', says: 'a token, or name:token' },
  iam: { kind: 'yes', says: "sign with this machine's AWS credentials; unasked where the URL is one of AWS" },
  timeout: { kind: 'text', value: 'seconds', variable: 'WADI_TIMEOUT', otherwise: '30', says: 'how long to try' },
} as const satisfies Flags

export type ClientFlags = {
  readonly url: string | undefined
  readonly 'api-key': string | undefined
  readonly iam: boolean
  readonly timeout: string | undefined
}

/** Where a server is, and with what to ask it. */
export type ServerAddress = {
  /** Without a slash at its end. */
  readonly url: string
  readonly apiKey: string | undefined
  readonly iam: boolean
  /** What has told the URL; undefined when nothing has. */
  readonly toldBy: string | undefined
  readonly timeoutMs: number
}

const settingsFile = 'wadi.json'
const outputsFile = 'cdk-outputs.json'
const localUrl = 'http://127.0.0.1:8080'
const defaultTimeoutSeconds = 30

/** Flags and variables, then files in the working folder. Throws `UsageError`, `CommandError`. */
export const serverAddress = (
  flags: ClientFlags,
  { environment }: Pick<Surroundings, 'environment'>,
): ServerAddress => {
  const { url, toldBy } = toldUrl(flags, environment)
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new UsageError(`${toldBy} says "${url}": it must begin with https:// or http://`)
  }
  const seconds = Number(flags.timeout ?? defaultTimeoutSeconds)
  if (!(seconds > 0 && seconds <= 3600)) {
    throw new UsageError(`--timeout is "${flags.timeout}": it must be seconds, up to 3600`)
  }
  const settings = jsonIn(settingsFile)
  const key = flags['api-key'] ?? settings['apiKey']
  return {
    url: url.replace(/\/+$/, ''),
    apiKey: typeof key === 'string' ? key : undefined,
    iam: flags.iam || settings['iam'] === true,
    toldBy,
    timeoutMs: seconds * 1000,
  }
}

type Told = { readonly url: string; readonly toldBy: string | undefined }

const toldUrl = ({ url }: ClientFlags, environment: Surroundings['environment']): Told => {
  if (url !== undefined) return { url, toldBy: url === environment['WADI_URL'] ? 'WADI_URL' : '--url' }
  const own = jsonIn(settingsFile)['url']
  if (typeof own === 'string') return { url: own, toldBy: settingsFile }
  const urls = Object.values(jsonIn(outputsFile)).flatMap((outputs) => {
    const found = isObject(outputs) ? outputs['ApiUrl'] : undefined
    return typeof found === 'string' ? [found] : []
  })
  if (urls.length > 1) {
    throw new CommandError(`${outputsFile} has ${urls.length} stacks with an ApiUrl: choose one of them with --url`)
  }
  return urls[0] === undefined ? { url: localUrl, toldBy: undefined } : { url: urls[0], toldBy: outputsFile }
}

/** The object in a file of the working folder; an empty one where there is no such file. */
const jsonIn = (file: string): Readonly<Record<string, unknown>> => {
  if (!existsSync(file)) return {}
  try {
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (isObject(content)) return content
    throw new Error('it is no object')
  } catch (error) {
    const why = error instanceof Error ? error.message : error
    throw new CommandError(`${file} in this folder cannot be read: ${why}`)
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
