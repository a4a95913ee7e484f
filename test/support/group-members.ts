import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Program } from '../../lib/bench/process.ts'
import { kcatProgram, shortKafkaProgram } from './tools.ts'

/** Every client that consumes in groups, with the protocol it speaks. */
export type MemberKind =
  | 'kafkajs'
  | 'platformatic-classic'
  | 'platformatic-consumer'
  | 'kcat'
  | 'console-classic'
  | 'console-consumer'
  | 'verifiable-classic'
  | 'verifiable-consumer'

export type MemberOptions = {
  readonly kind: MemberKind
  /** One address, or several with commas between them. */
  readonly bootstrap: string
  readonly group: string
  readonly topic: string
}

/** A record as a member says that it has it; said before it is committed. */
export type Processed = { readonly partition: number; readonly offset: number; readonly value: string }

/** A member of a group in a process of its own. Who starts it ends it. */
export type GroupMember = {
  /** Asks it to end, as Ctrl-C does: it commits what it has processed and leaves the group. */
  readonly leave: () => Promise<void>
  /** kill -9: it says no more to anybody, and the group has to notice. */
  readonly kill: () => Promise<void>
  readonly hasEnded: () => boolean
  /** What it has said to people. */
  readonly said: () => string
}

/** Starts a member, which tells each record it processes. */
export const startMember = (options: MemberOptions, tell: (record: Processed) => void): GroupMember => {
  const { command, args } = programs[options.kind](options)
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  let unfinished = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (unfinished + text).split('\n')
    unfinished = lines.pop() ?? ''
    for (const line of lines) {
      const record = recordIn(line)
      if (record !== undefined) tell(record)
    }
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!hasEnded()) child.kill(signal)
    await ended
  }
  return { leave: () => end('SIGTERM'), kill: () => end('SIGKILL'), hasEnded, said: () => said }
}

const member = fileURLToPath(new URL('group-member.ts', import.meta.url))

const npmClient = ({ kind, bootstrap, group, topic }: MemberOptions): Program => ({
  command: process.execPath,
  args: [member, '--client', kind, '--bootstrap', bootstrap, '--group', group, '--topic', topic],
})

/** The least that Apache Kafka allows without a setting of its own; the new protocol leaves it to the server. */
const sessionTimeoutMs = 6000

const kcatMember = ({ bootstrap, group, topic }: MemberOptions): Program => {
  const settings = [
    `session.timeout.ms=${sessionTimeoutMs}`,
    'heartbeat.interval.ms=1000',
    'auto.offset.reset=earliest',
  ]
  const more = ['auto.commit.interval.ms=500', 'topic.metadata.refresh.interval.ms=1000']
  const args = [...settings, ...more].flatMap((setting) => ['-X', setting])
  return kcatProgram(['-b', bootstrap, '-G', group, '-u', '-E', '-f', '%p %o %s\n', ...args, topic])
}

const consoleMember = ({ kind, bootstrap, group, topic }: MemberOptions): Program => {
  const classic = ['group.protocol=classic', `session.timeout.ms=${sessionTimeoutMs}`, 'heartbeat.interval.ms=1000']
  const settings = kind === 'console-classic' ? classic : ['group.protocol=consumer']
  const properties = [...settings, 'auto.commit.interval.ms=500'].flatMap((each) => ['--command-property', each])
  const print = ['print.partition=true', 'print.offset=true'].flatMap((each) => ['--formatter-property', each])
  const what = ['--bootstrap-server', bootstrap, '--group', group, '--topic', topic, '--from-beginning']
  return shortKafkaProgram('kafka-console-consumer', [...what, ...print, ...properties])
}

const verifiableMember = ({ kind, bootstrap, group, topic }: MemberOptions): Program => {
  const classic = ['--group-protocol', 'classic', '--session-timeout', String(sessionTimeoutMs)]
  const protocol = kind === 'verifiable-classic' ? classic : ['--group-protocol', 'consumer']
  const what = ['--bootstrap-server', bootstrap, '--group-id', group, '--topic', topic, '--verbose']
  return shortKafkaProgram('kafka-verifiable-consumer', [...what, ...protocol])
}

const programs: Readonly<Record<MemberKind, (options: MemberOptions) => Program>> = {
  kafkajs: npmClient,
  'platformatic-classic': npmClient,
  'platformatic-consumer': npmClient,
  kcat: kcatMember,
  'console-classic': consoleMember,
  'console-consumer': consoleMember,
  'verifiable-classic': verifiableMember,
  'verifiable-consumer': verifiableMember,
}

/** `3 17 value`, `Partition:3\tOffset:17\tvalue`, or the event of the verifiable consumer. */
const recordIn = (line: string): Processed | undefined => {
  const [, partition, offset, value] =
    /^(?:Partition:)?(\d+)[ \t](?:Offset:)?(\d+)[ \t](.*)$/.exec(line) ?? recordOfEvent(line) ?? []
  if (partition === undefined || offset === undefined || value === undefined) return undefined
  return { partition: Number(partition), offset: Number(offset), value }
}

const recordOfEvent = (line: string): readonly string[] | undefined => {
  if (!line.includes('"name":"record_data"')) return undefined
  const { partition, offset, value } = JSON.parse(line)
  return [line, String(partition), String(offset), String(value)]
}
