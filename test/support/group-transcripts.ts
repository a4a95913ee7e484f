import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Finished } from '../../lib/bench/process.ts'
import { createTopic, kafkaJs, withAdmin } from './admin.ts'
import { expectGolden } from './golden.ts'
import { type GroupMember, startMember } from './group-members.ts'
import { until } from './group-run.ts'
import { type ServerUnderTest, startServer } from './server.ts'
import { temporaryFile } from './tools.ts'

const topic = 'orders'
/** The last has no records, and nobody commits anything for it. */
const partitions = 4
const written = 3
const perPartition = 10
/** The first half of each partition is of this time, a second apart; the other half is new. */
const longAgo = Date.parse('2023-11-14T22:13:20.000Z')

/** Runs `kafka-consumer-groups`, whoever has made it. */
type GroupTool = (args: readonly string[]) => Promise<Finished>

/** What the tool prints of groups, for `describe`: whoever has made it, it prints the same. */
export const groupTranscripts = (groupTool: GroupTool) => (): void => {
  let server: ServerUnderTest
  let members: readonly GroupMember[]
  beforeAll(async () => {
    server = await startServer()
    await createTopic(server.bootstrap, { topic, partitions, configs: { 'retention.ms': '-1' } })
    await sendThirtyRecords()
    let processed = 0
    const count = (): void => void processed++
    members = (['classic', 'consumer'] as const).map((group) => {
      const kind = group === 'classic' ? 'kafkajs' : 'platformatic-consumer'
      return startMember({ kind, bootstrap: server.bootstrap, group, topic }, count)
    })
    await until('both groups have processed all', async () => processed, 2 * written * perPartition, 30_000)
    await commit('empty', [4, 10])
  })
  afterAll(async () => {
    await Promise.all(members.map((member) => member.kill()))
    await server[Symbol.asyncDispose]()
  })

  const sendThirtyRecords = async (): Promise<void> => {
    const producer = kafkaJs(server.bootstrap).producer({ allowAutoTopicCreation: false })
    await producer.connect()
    const now = Date.now()
    const messages = Array.from({ length: written * perPartition }, (_, index) => {
      const offset = Math.floor(index / written)
      const time = offset < perPartition / 2 ? longAgo + offset * 1000 : now
      return { partition: index % written, value: `v${index}`, timestamp: String(time) }
    })
    await producer.send({ topic, messages })
    await producer.disconnect()
  }

  /** As an administrator does for a group without members, which makes it. */
  const commit = (groupId: string, offsets: readonly number[]): Promise<void> =>
    withAdmin(server.bootstrap, (admin) =>
      admin.setOffsets({
        groupId,
        topic,
        partitions: offsets.map((offset, partition) => ({ partition, offset: String(offset) })),
      }),
    )

  /** What these commands, one after the other, print and how they end. */
  const transcript = async (...commands: readonly (readonly string[])[]): Promise<string> => {
    const parts: string[] = []
    for (const args of commands) {
      const all = ['--bootstrap-server', server.bootstrap, ...args]
      const { status, stdout, stderr } = await groupTool(all)
      const shown = args.map((arg) => (arg.startsWith('/') ? 'FILE' : arg)).join(' ')
      parts.push(`$ kafka-consumer-groups ${shown}\n${parsed(`${stdout}\n${stderr}`)}status ${status}\n`)
    }
    return parts.join('\n')
  }

  /** What people parse: columns, not their widths; no ids that are drawn; rows, not their order; no stack traces. */
  const parsed = (text: string): string => {
    const lines = text
      .replaceAll(/\bsuite-[\w-]{16,36}/g, 'suite-ID')
      .replaceAll(uuid, 'UUID')
      .replaceAll(String(server.port), 'PORT')
      .split('\n')
      .map((line) => line.trim().replaceAll(/\s+/g, ' '))
      .filter((line) => line !== '' && !/^at |^(Caused by: )?(java|org)\.\S+Exception/.test(line))
    const blocks: string[][] = [[]]
    for (const line of lines) {
      if (/^(GROUP|TOPIC)( |$)/.test(line)) blocks.push([line], [])
      else blocks.at(-1)?.push(line)
    }
    return blocks
      .flatMap((block) => block.toSorted())
      .map((line) => `${line}\n`)
      .join('')
  }

  test('lists groups by name, state and type, and describes them all', async () => {
    const all = await transcript(
      ['--list'],
      ['--list', '--state'],
      ['--list', '--state', 'empty'],
      ['--list', '--type'],
      ['--list', '--type', 'consumer'],
      ['--list', '--state', 'stable', '--type', 'classic'],
      ['--describe', '--all-groups'],
      ['--describe', '--all-groups', '--state'],
    )
    expectGolden('list', all)
  })

  test.for(['empty', 'classic', 'consumer'])(
    'describes the offsets, members and state of the group %s',
    async (group) => {
      const describeGroup = ['--describe', '--group', group]
      const all = await transcript(
        describeGroup,
        [...describeGroup, '--members'],
        [...describeGroup, '--members', '--verbose'],
        [...describeGroup, '--state'],
        [...describeGroup, '--state', '--verbose'],
        [...describeGroup, '--offsets', '--verbose'],
      )
      expectGolden(`describe-${group}`, all)
    },
  )

  test('resets offsets: tells first, then does it', async () => {
    await commit('moved', [3, 3, 3])
    const reset = ['--reset-offsets', '--group', 'moved', '--topic', topic]
    const all = await transcript(
      [...reset, '--to-earliest', '--dry-run'],
      ['--describe', '--group', 'moved'],
      [...reset, '--to-latest', '--execute'],
      ['--describe', '--group', 'moved'],
      [...reset, '--shift-by', '-4', '--execute'],
      [...reset, '--shift-by', '100', '--dry-run'],
      [...reset, '--to-offset', '7', '--execute'],
      [...reset, '--to-offset', '99', '--dry-run'],
      [...reset, '--to-current', '--dry-run'],
      [...reset, '--by-duration', 'PT1H', '--dry-run'],
      [...reset, '--to-datetime', '2023-11-14T22:13:22.500Z', '--execute'],
      ['--describe', '--group', 'moved'],
      ['--reset-offsets', '--group', 'moved', '--topic', `${topic}:0,2`, '--to-earliest', '--execute'],
      ['--describe', '--group', 'moved'],
    )
    expectGolden('reset', all)
  })

  test('resets offsets from a file that it has exported', async () => {
    await commit('exported', [1, 2, 3])
    await commit('imported', [0, 0, 0])
    const reset = ['--reset-offsets', '--group']
    const args = ['--bootstrap-server', server.bootstrap, ...reset, 'exported', '--all-topics', '--to-current']
    const plan = (await groupTool([...args, '--dry-run', '--export'])).stdout.toString()
    expect(plan.trim().split('\n').toSorted()).toEqual(['orders,0,1', 'orders,1,2', 'orders,2,3'])
    const file = temporaryFile('plan.csv', plan.trim())
    const all = await transcript(
      [...reset, 'imported', '--from-file', file, '--dry-run'],
      [...reset, 'imported', '--from-file', file, '--execute'],
      ['--describe', '--group', 'imported'],
      [...reset, 'new', '--topic', topic, '--to-latest', '--execute'],
      ['--describe', '--group', 'new'],
    )
    expectGolden('reset-from-file', all)
  })

  test('deletes offsets and groups', async () => {
    await commit('doomed', [1, 2, 3])
    const all = await transcript(
      ['--delete-offsets', '--group', 'doomed', '--topic', `${topic}:1`],
      ['--describe', '--group', 'doomed'],
      ['--delete-offsets', '--group', 'doomed', '--topic', topic],
      ['--delete', '--group', 'doomed'],
      ['--describe', '--group', 'doomed'],
      ['--delete', '--group', 'doomed'],
    )
    expectGolden('delete', all)
  })

  test.for(['classic', 'consumer'])('refuses what the members of the group %s would be hurt by', async (group) => {
    const all = await transcript(
      ['--reset-offsets', '--group', group, '--topic', topic, '--to-earliest', '--execute'],
      ['--delete', '--group', group],
      ['--delete-offsets', '--group', group, '--topic', topic],
      ['--describe', '--group', group],
    )
    expectGolden(`refuse-${group}`, all)
  })
}

/** How members of the new protocol, all clients alike, name themselves. */
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g
