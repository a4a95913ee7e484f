import { localAccessFrom } from '../access.ts'
import { settingsFrom } from '../environment.ts'
import { command } from './command.ts'
import { exits } from './failures.ts'
import { isPretty } from './output.ts'

/** Runs until it is told to stop. */
export const dev = command({
  name: 'dev',
  summary: 'A server on this machine, for any Kafka client',
  about: `Kafka's protocol and HTTP on 127.0.0.1, records in a folder. These are told by the environment only:

  WADI_STORE                aws: DynamoDB and S3 instead, in WADI_TABLE and WADI_BUCKET beside AWS's own variables
  WADI_FSYNC                true: safe against a loss of power too, and slower
  WADI_LINGER_MS            how long requests wait for others to share a write with
  WADI_AUTO_CREATE_TOPICS   false: a topic must be created before it is used
  WADI_NUM_PARTITIONS       of a topic that is created without a number
  WADI_API_KEYS             name:sha256hex, with commas between: who may ask over HTTP; without it everybody on this
                            machine may, but for web pages
  WADI_ADVERTISE            host:port, where several servers share a table: the leaders among them are told to
                            clients by these addresses
  WADI_ZONE                 the availability zone that goes with it`,
  arguments: [],
  flags: {
    'kafka-port': {
      kind: 'text',
      value: 'port',
      variable: 'WADI_KAFKA_PORT',
      otherwise: '9092',
      says: 'where Kafka clients connect; 0: any free one',
    },
    'http-port': {
      kind: 'text',
      value: 'port',
      variable: 'WADI_HTTP_PORT',
      otherwise: '8080',
      says: 'where the HTTP API is; 0: any free one',
    },
    data: {
      kind: 'text',
      value: 'folder',
      variable: 'WADI_DATA',
      otherwise: '.wadi',
      says: 'the folder of the records; one process at a time has it',
    },
    memory: { kind: 'yes', says: 'keep nothing' },
    seed: {
      kind: 'text',
      value: 'file.json',
      says: 'topics to begin with: { "orders": { "partitions": 3, "configs": { "retention.ms": "3600000" } } }',
    },
  },
  examples: [
    { line: 'wadi dev', says: 'records in .wadi' },
    { line: 'wadi dev --memory --kafka-port 0 --http-port 0', says: 'for a test: nothing is kept, any free ports' },
  ],
  run: async ({ flags }, around) => {
    const settings = settingsFrom({
      ...around.environment,
      WADI_KAFKA_PORT: flags['kafka-port'],
      WADI_HTTP_PORT: flags['http-port'],
      WADI_DATA: flags.data,
      ...(flags.memory && { WADI_STORE: 'memory' }),
    })
    const access = localAccessFrom(around.environment)
    const { seedFrom } = await import('./dev-seed.ts')
    const seed = flags.seed === undefined ? [] : seedFrom(flags.seed)
    const { serve } = await import('./dev-server.ts')
    await serve({ settings, access, seed, isPretty: isPretty(around.err, around) })
    // What was cut off may still be trying; nobody waits for its answer any more.
    process.exit(exits.ok)
  },
})
