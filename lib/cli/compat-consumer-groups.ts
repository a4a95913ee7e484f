import { isPassing, type KafkaCluster, Passing, Refused, requireSettled } from '../client/cluster.ts'
import { describeGroup, listGroups } from '../client/groups.ts'
import { administrator, byTopic, commitOffsets, inOrder, type NewOffset, nameOf } from '../client/offsets.ts'
import { errors } from '../protocol/errors.ts'
import { DeleteGroups } from '../protocol/messages/delete-groups.ts'
import { OffsetDelete } from '../protocol/messages/offset-delete.ts'
import type { Surroundings } from './command.ts'
import { exceptionFrom, exceptionOf, shownException } from './compat-errors.ts'
import { type GivenFlags, ToolUsageError } from './compat-flags.ts'
import { type Shown, showGroup, table } from './compat-group-describe.ts'
import { csvOf, namedPartitions, plannedOffsets, type Target, timeBefore, timeIn } from './compat-group-reset.ts'
import { connectionFlags, oneAction, tool, withCluster } from './compat-tool.ts'

const flags = {
  ...connectionFlags,
  list: 'nothing',
  describe: 'nothing',
  delete: 'nothing',
  'delete-offsets': 'nothing',
  'reset-offsets': 'nothing',
  'validate-regex': 'value',
  group: 'value',
  'all-groups': 'nothing',
  topic: 'value',
  'all-topics': 'nothing',
  offsets: 'nothing',
  members: 'nothing',
  verbose: 'nothing',
  state: 'maybe',
  type: 'maybe',
  timeout: 'value',
  'to-offset': 'value',
  'to-datetime': 'value',
  'by-duration': 'value',
  'to-earliest': 'nothing',
  'to-latest': 'nothing',
  'to-current': 'nothing',
  'shift-by': 'value',
  'from-file': 'value',
  'dry-run': 'nothing',
  execute: 'nothing',
  export: 'nothing',
} as const

type Given = GivenFlags<typeof flags>

/** `kafka-consumer-groups` (Kafka source: `ConsumerGroupCommand`). As with Kafka's, what fails is told, and the status is 0. */
export const kafkaConsumerGroups = tool({
  name: 'kafka-consumer-groups',
  flags,
  run: async (given, around) => {
    const action = oneAction(
      given,
      ['list', 'describe', 'delete', 'reset-offsets', 'delete-offsets'],
      'Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets',
    )
    checkFlags(given, action)
    const at = { servers: given.text('bootstrap-server'), configFile: given.text('command-config') }
    return withCluster(at, new Map(), async (cluster) => {
      try {
        await does[action](cluster, given, around)
      } catch (error) {
        const exception = exceptionFrom(error)
        if (exception === undefined) throw error
        around.out.write(`\nError: Executing consumer group command failed due to ${shownException(exception)}\n`)
      }
      return 0
    })
  },
})

const checkFlags = (given: Given, action: keyof typeof does): void => {
  const namesGroups = given.has('group') || given.has('all-groups')
  if (action !== 'list' && !namesGroups) {
    throw new ToolUsageError(`Option [${action}] takes one of these options: [all-groups], [group]`)
  }
  if (given.has('group') && given.has('all-groups')) {
    throw new ToolUsageError('Option "[all-groups]" can\'t be used with option "[group]"')
  }
  if (action === 'delete-offsets' && !given.has('topic')) {
    throw new ToolUsageError('Option [delete-offsets] takes the following options: [topic], [group]')
  }
  if (action === 'reset-offsets') {
    if (given.has('dry-run') && given.has('execute')) {
      throw new ToolUsageError('Option [reset-offsets] only accepts one of [execute], [dry-run]')
    }
    if (!given.has('topic') && !given.has('all-topics') && !given.has('from-file')) {
      throw new ToolUsageError(
        'One of the reset scopes should be defined: [all-topics], [topic], or the offsets be given by [from-file]',
      )
    }
  }
}

type Act = (cluster: KafkaCluster, given: Given, around: Surroundings) => Promise<void>

const groupsIn = async (cluster: KafkaCluster, given: Given): Promise<readonly string[]> => {
  if (!given.has('all-groups')) return [...new Set(given.texts('group'))]
  return (await consumerGroups(cluster, [], [])).map(({ groupId }) => groupId)
}

/** What others make groups of is not for this tool. */
const consumerGroups = async (cluster: KafkaCluster, states: readonly string[], types: readonly string[]) =>
  (await listGroups(cluster, states, types)).filter(
    ({ protocolType }) => protocolType === '' || protocolType === 'consumer',
  )

const wordsIn = (text: string | undefined): readonly string[] =>
  (text ?? '').split(',').flatMap((word) => (word.trim() === '' ? [] : [word.trim()]))

const list: Act = async (cluster, given, { out }) => {
  const groups = await consumerGroups(cluster, wordsIn(given.text('state')).map(stateName), wordsIn(given.text('type')))
  const [hasType, hasState] = [given.has('type'), given.has('state')]
  if (!hasType && !hasState) out.write(groups.map(({ groupId }) => `${groupId}\n`).join(''))
  else {
    const row = (group: string, type: string, state: string) => [
      group,
      ...(hasType ? [type] : []),
      ...(hasState ? [state] : []),
    ]
    out.write(table([row('GROUP', 'TYPE', 'STATE'), ...groups.map((one) => row(one.groupId, one.type, one.state))]))
  }
}

/** States as brokers spell them, however they are typed. */
const stateName = (typed: string): string => {
  const states = ['Empty', 'Stable', 'Dead', 'PreparingRebalance', 'CompletingRebalance', 'Assigning', 'Reconciling']
  const state = states.find((one) => one.toLowerCase() === typed.toLowerCase())
  if (state === undefined)
    throw new ToolUsageError(`Invalid state list '${typed}'. Valid states are: ${states.join(', ')}`)
  return state
}

const describe: Act = async (cluster, given, around) => {
  const what = given.has('members') ? 'members' : given.has('state') ? 'state' : 'offsets'
  const shown: Shown = { what, isVerbose: given.has('verbose') }
  for (const groupId of await groupsIn(cluster, given)) await showGroup(cluster, groupId, shown, around)
}

const remove: Act = async (cluster, given, { out }) => {
  const groupIds = await groupsIn(cluster, given)
  const outcomes: (readonly [string, number])[] = []
  for (const groupId of groupIds) {
    const errorCode = await cluster.patiently(async () => {
      const connection = await cluster.coordinatorOf(groupId)
      const [result] = (await connection.ask(DeleteGroups, { groupsNames: [groupId] })).results
      requireSettled(result?.errorCode ?? errors.NONE)
      return result?.errorCode ?? errors.NONE
    })
    outcomes.push([groupId, errorCode])
  }
  const [gone, kept] = [outcomes.filter(([, code]) => code === 0), outcomes.filter(([, code]) => code !== 0)]
  const names = gone.map(([groupId]) => `'${groupId}'`).join(', ')
  if (kept.length === 0) {
    out.write(`Deletion of requested consumer groups (${names}) was successful.\n`)
    return
  }
  out.write('\nError: Deletion of some consumer groups failed:\n')
  for (const [groupId, code] of kept) {
    out.write(`* Group '${groupId}' could not be deleted due to: ${shownException(exceptionOf(code, null))}\n`)
  }
  if (gone.length > 0) out.write(`\nThese consumer groups were deleted successfully: ${names}\n`)
}

const deleteOffsets: Act = async (cluster, given, { out }) => {
  const groupId = given.text('group') ?? ''
  const partitions = await namedPartitions(cluster, given.texts('topic'))
  const answer = await cluster.patiently(async () => {
    const connection = await cluster.coordinatorOf(groupId)
    const topics = [...byTopic(partitions)].map(([name, own]) => ({
      name,
      partitions: own.map(({ partition }) => ({ partitionIndex: partition })),
    }))
    const result = await connection.ask(OffsetDelete, { groupId, topics })
    if (isPassing(result.errorCode)) throw new Passing(result.errorCode)
    return result
  })
  const codes = new Map(
    answer.topics.flatMap(({ name, partitions: own }) =>
      own.map((one) => [nameOf({ topic: name, partition: one.partitionIndex }), one.errorCode] as const),
    ),
  )
  const codeOf = (name: string): number => (answer.errorCode === 0 ? (codes.get(name) ?? 0) : answer.errorCode)
  const whole = answer.errorCode !== 0 ? answer.errorCode : ([...codes.values()].find((code) => code !== 0) ?? 0)
  out.write(wholeText(groupId, whole, answer.errorCode !== 0))
  const rows = inOrder(partitions).map((one) => {
    const code = codeOf(nameOf(one))
    const status = code === 0 ? 'Successful' : `Error: ${shownException(exceptionOf(code, null))}`
    return [one.topic, String(one.partition), status]
  })
  out.write(`\n${table([['TOPIC', 'PARTITION', 'STATUS'], ...rows])}`)
}

const wholeText = (groupId: string, code: number, isOfWhole: boolean): string => {
  if (code === 0) return `Request succeeded for deleting offsets from group ${groupId}.\n`
  if (!isOfWhole) return '\nError: Encountered some partition-level error, see the follow-up details.\n'
  switch (code) {
    case errors.INVALID_GROUP_ID:
      return `\nError: '${groupId}' is not valid.\n`
    case errors.GROUP_ID_NOT_FOUND:
      return `\nError: '${groupId}' does not exist.\n`
    case errors.NON_EMPTY_GROUP:
      return `\nError: Deleting offsets of a consumer group '${groupId}' is forbidden if the group is not empty.\n`
    default:
      return `\nError: Encountered some unknown error: ${shownException(exceptionOf(code, null))}\n`
  }
}

const resetOffsets: Act = async (cluster, given, around) => {
  const { out, err } = around
  const target = targetOf(given)
  if (!given.has('dry-run') && !given.has('execute')) {
    err.write('WARN: No action will be performed as the --execute option is missing.\n')
  }
  const planned = new Map<string, readonly NewOffset[]>()
  const wanted = { topics: given.texts('topic'), areAll: given.has('all-topics') }
  for (const groupId of await groupsIn(cluster, given)) {
    const state = await stateOf(cluster, groupId)
    if (state === 'Empty' || state === 'Dead') {
      planned.set(groupId, await plannedOffsets(cluster, groupId, wanted, target, around))
    } else {
      out.write(
        `\nError: Assignments can only be reset if the group '${groupId}' is inactive, but the current state is ${state}.\n`,
      )
    }
  }
  if (given.has('execute')) {
    for (const [groupId, offsets] of planned) await commitOffsets(cluster, administrator(groupId), offsets)
  }
  if (given.has('export')) {
    const isOne = given.texts('group').length === 1
    for (const [groupId, offsets] of planned) out.write(csvOf(isOne ? undefined : groupId, offsets))
    return
  }
  const rows = [...planned].flatMap(([groupId, offsets]) =>
    offsets.map(({ topic, partition, offset }) => [groupId, topic, String(partition), String(offset)]),
  )
  out.write(`\n${table([['GROUP', 'TOPIC', 'PARTITION', 'NEW-OFFSET'], ...rows])}`)
}

const stateOf = async (cluster: KafkaCluster, groupId: string): Promise<string> => {
  try {
    return (await describeGroup(cluster, groupId)).state
  } catch (error) {
    if (error instanceof Refused && error.errorCode === errors.GROUP_ID_NOT_FOUND) return 'Dead'
    throw error
  }
}

const scenarios = [
  'to-offset',
  'shift-by',
  'to-datetime',
  'by-duration',
  'to-earliest',
  'to-latest',
  'to-current',
  'from-file',
] as const

const targetOf = (given: Given): Target => {
  const scenario = oneAction(
    given,
    scenarios,
    `Option [reset-offsets] takes exactly one of these scenarios: ${scenarios.map((name) => `[${name}]`).join(', ')}`,
  )
  switch (scenario) {
    case 'to-offset':
      return { to: 'offset', by: BigInt(given.integer(scenario) ?? 0) }
    case 'shift-by':
      return { to: 'shift', by: BigInt(given.integer(scenario) ?? 0) }
    case 'to-datetime':
      return { to: 'time', timestamp: timeIn(given.required(scenario)) }
    case 'by-duration':
      return { to: 'time', timestamp: timeBefore(given.required(scenario)) }
    case 'to-earliest':
      return { to: 'earliest' }
    case 'to-latest':
      return { to: 'latest' }
    case 'to-current':
      return { to: 'current' }
    case 'from-file':
      return { to: 'file', path: given.required(scenario) }
  }
}

const does = { list, describe, delete: remove, 'reset-offsets': resetOffsets, 'delete-offsets': deleteOffsets } as const
