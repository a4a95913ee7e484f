import type { KafkaProgram } from '../../lib/bench/tools.ts'

/** One call of a tool; `@name` in its arguments is the path of a file with this content. */
export type Step = {
  readonly tool: KafkaProgram
  readonly args: readonly string[]
  readonly input?: string
  readonly files?: Readonly<Record<string, string>>
}

const steps = (tool: KafkaProgram, ...calls: readonly (readonly string[])[]): readonly Step[] =>
  calls.map((args) => ({ tool, args }))

const topics = steps(
  'kafka-topics',
  ['--create', '--topic', 'made', '--partitions', '2', '--config', 'retention.ms=3600000'],
  ['--create', '--topic', 'a.b'],
  ['--create', '--topic', 'made'],
  ['--create', '--topic', 'made', '--if-not-exists'],
  ['--create', '--topic', 'not a name'],
  ['--create', '--topic', 'odd', '--config', 'no.such=1'],
  ['--create', '--topic', 'odd', '--replication-factor', '4'],
  ['--create'],
  ['--list'],
  ['--list', '--topic', 'ma.*', '--exclude-internal'],
  ['--describe', '--topic', 'made'],
  ['--describe', '--topic', 'absent'],
  ['--describe', '--topic', 'absent', '--if-exists'],
  ['--describe', '--topics-with-overrides'],
  ['--describe', '--under-replicated-partitions'],
  ['--describe', '--unavailable-partitions'],
  ['--alter', '--topic', 'made', '--partitions', '3'],
  ['--alter', '--topic', 'made', '--partitions', '1'],
  ['--describe'],
  ['--delete', '--topic', 'a.b'],
  ['--delete', '--topic', 'absent'],
  ['--delete', '--topic', 'absent', '--if-exists'],
  ['--list', '--describe'],
  ['--list', '--bogus'],
  ['--list'],
)

const named = ['--entity-type', 'topics', '--entity-name', 'made']

const configs: readonly Step[] = [
  ...steps('kafka-topics', ['--create', '--topic', 'made', '--config', 'retention.ms=3600000']),
  ...steps(
    'kafka-configs',
    [...named, '--describe'],
    [...named, '--describe', '--all'],
    [...named, '--alter', '--add-config', 'retention.ms=7200000,leader.replication.throttled.replicas=[0:1,1:1]'],
    [...named, '--alter', '--delete-config', 'segment.ms'],
    [...named, '--alter', '--add-config', 'no.such=1'],
    [...named, '--alter', '--add-config', 'retention.ms=x'],
    ['--topic', 'made', '--describe'],
    [...named, '--alter', '--delete-config', 'retention.ms', '--add-config', 'segment.ms=60000'],
    [...named, '--describe'],
    ['--entity-type', 'topics', '--entity-name', 'absent', '--describe'],
    ['--entity-type', 'topics', '--describe'],
    ['--entity-type', 'topics', '--alter', '--add-config', 'retention.ms=1'],
    ['--broker', '1', '--describe'],
    ['--entity-type', 'brokers', '--entity-default', '--describe'],
    ['--entity-type', 'brokers', '--entity-name', '1', '--alter', '--add-config', 'num.partitions=2'],
  ),
]

const reader = (property: string): readonly string[] => ['--reader-property', property]
const formatter = (...properties: readonly string[]): readonly string[] =>
  properties.flatMap((property) => ['--formatter-property', property])
const fromStart = ['--topic', 'lines', '--partition', '0', '--offset', 'earliest']

const console_: readonly Step[] = [
  ...steps('kafka-topics', ['--create', '--topic', 'lines']),
  {
    tool: 'kafka-console-producer',
    args: [
      '--topic',
      'lines',
      '--sync',
      ...reader('parse.key=true'),
      ...reader('parse.headers=true'),
      ...reader('null.marker=NIL'),
    ],
    input: 'h1:v1,h2:v2\tk1\tone\nNIL\tNIL\ttwo\nh3:NIL\tk3\tNIL\n',
  },
  {
    tool: 'kafka-console-producer',
    args: [
      '--topic',
      'lines',
      '--property',
      'parse.key=true',
      '--property',
      'key.separator=:',
      '--compression-codec',
      'zstd',
    ],
    input: 'k4:four:4\r\nk5:\n',
  },
  { tool: 'kafka-console-producer', args: ['--topic', 'lines', ...reader('parse.key=true')], input: 'no separator\n' },
  {
    tool: 'kafka-console-producer',
    args: ['--topic', 'lines', ...reader('parse.key=true'), ...reader('ignore.error=true')],
    input: 'no separator\n',
  },
  ...steps('kafka-console-producer', []),
  ...steps(
    'kafka-console-consumer',
    [...fromStart, '--max-messages', '6'],
    [
      ...[...fromStart, '--max-messages', '6'],
      ...formatter('print.timestamp=true', 'print.key=true', 'print.offset=true', 'print.partition=true'),
      ...formatter('print.headers=true', 'null.literal=NOTHING'),
    ],
    [
      ...[
        '--topic',
        'lines',
        '--partition',
        '0',
        '--offset',
        '3',
        '--max-messages',
        '2',
        '--property',
        'print.key=true',
      ],
      ...['--property', 'key.separator=!', '--property', 'line.separator=|', '--property', 'print.value=false'],
    ],
    ['--topic', 'lines', '--from-beginning', '--group', 'readers', '--max-messages', '4'],
    ['--topic', 'lines', '--group', 'readers', '--max-messages', '2'],
    ['--topic', 'lines', '--group', 'readers', '--timeout-ms', '3000'],
    ['--include', 'lin.*', '--from-beginning', '--max-messages', '1', '--isolation-level', 'read_committed'],
    ['--topic', 'lines', '--offset', '7'],
    ['--topic', 'lines', '--partition', '0', '--offset', 'bogus'],
    [],
  ),
]

const cut = (offset: number): string =>
  JSON.stringify({ partitions: [{ topic: 'cut', partition: 0, offset }], version: 1 })

const deleteRecords: readonly Step[] = [
  ...steps('kafka-topics', ['--create', '--topic', 'cut']),
  { tool: 'kafka-console-producer', args: ['--topic', 'cut'], input: 'a\nb\nc\nd\n' },
  ...[1, 99, -1].map(
    (offset): Step => ({
      tool: 'kafka-delete-records',
      args: ['--offset-json-file', '@cut.json'],
      files: { 'cut.json': cut(offset) },
    }),
  ),
  ...steps('kafka-delete-records', []),
]

const verifiable: readonly Step[] = [
  ...steps('kafka-topics', ['--create', '--topic', 'numbers']),
  ...steps(
    'kafka-verifiable-producer',
    ['--topic', 'numbers', '--max-messages', '3', '--value-prefix', '7', '--repeating-keys', '2'],
    ['--topic', 'numbers', '--max-messages', '2', '--acks', '1', '--throughput', '1000'],
  ),
  ...steps(
    'kafka-verifiable-consumer',
    ['--topic', 'numbers', '--group-id', 'classic', '--max-messages', '5', '--verbose'],
    ['--topic', 'numbers', '--group-id', 'new', '--group-protocol', 'consumer', '--max-messages', '5'],
    ['--topic', 'numbers', '--group-id', 'part', '--max-messages', '3', '--reset-policy', 'earliest'],
  ),
]

/** What is done to a fresh server, by the names of their golden files. */
export const scenarios = {
  topics,
  configs,
  console: console_,
  'delete-records': deleteRecords,
  verifiable,
} as const
