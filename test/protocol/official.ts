import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Api } from '../../lib/protocol/declare.ts'
import { java, kafkaClassPath } from '../support/tools.ts'
import type { Direction } from './every-message.ts'

/** Compiling and running the Java program takes two seconds on an idle machine. */
const javaTimeoutMs = 60_000
const largestAnswerBytes = 64 * 1024 * 1024

/** What every frame here has in its header. */
export const header = { correlationId: 7, clientId: 'wadi' } as const

/** The definitions of an API's two messages, as Apache Kafka's own generator reads them. */
export const officialDefinitions = (apis: readonly Api[]): readonly Record<Direction, Definition>[] => {
  const answers = askJava(apis.flatMap(({ name }) => [`definition ${name}Request`, `definition ${name}Response`]))
  const parsed = answers.map((line) => parseDefinition(Buffer.from(line, 'base64').toString()))
  return apis.map((_, index) => {
    const [request, response] = parsed.slice(2 * index, 2 * index + 2)
    if (request === undefined || response === undefined) throw new Error('a definition is missing')
    return { request, response }
  })
}

/** The frames that Apache Kafka's serializers make of messages in its JSON, without their sizes, in hex. */
export const officialFrames = (
  messages: readonly {
    readonly api: Api
    readonly direction: Direction
    readonly version: number
    readonly json: string
  }[],
): readonly string[] =>
  askJava(
    messages.map(({ api, direction, version, json }) => {
      const name = `${api.name}${direction === 'request' ? 'Request' : 'Response'}`
      return `frame ${api.key} ${name} ${version} ${json}`
    }),
  )

const askJava = (questions: readonly string[]): readonly string[] => {
  const source = fileURLToPath(new URL('OfficialFrames.java', import.meta.url))
  const { status, stdout, stderr } = spawnSync(java(), ['-cp', kafkaClassPath() ?? '', source], {
    input: questions.map((question) => `${question}\n`).join(''),
    encoding: 'utf8',
    timeout: javaTimeoutMs,
    maxBuffer: largestAnswerBytes,
  })
  const answers = stdout.trimEnd().split('\n')
  if (status !== 0 || answers.length !== questions.length) {
    throw new Error(`Java answered ${answers.length} of ${questions.length}: ${stderr}`)
  }
  return answers
}

/** One official definition, as far as it says how a message looks on the wire. */
export type Definition = {
  readonly apiKey: number
  readonly validVersions: string
  readonly flexibleVersions: string
  readonly fields: readonly DefinedField[]
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly DefinedField[] }[]
}

export type DefinedField = {
  readonly name: string
  readonly type: string
  readonly versions: string
  readonly nullableVersions?: string
  readonly taggedVersions?: string
  readonly tag?: number
  readonly default?: string | number
  readonly fields?: readonly DefinedField[]
}

/** The definitions are JSON with comments on lines of their own. */
const parseDefinition = (text: string): Definition => JSON.parse(text.replaceAll(/^\s*\/\/.*$/gm, ''))
