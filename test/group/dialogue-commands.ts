import type { JoinReply } from '../../lib/group/join.ts'
import { type DialogueWorld, groupId, msOf, partitionsIn, textOf, topicId } from './dialogue-world.ts'
import { type Fate, fates } from './gate.ts'

type Words = Readonly<Record<string, string | undefined>>

/** What a line means; what it gives is said when it comes. */
export type Command = {
  readonly line: RegExp
  readonly act: (world: DialogueWorld, words: Words) => Promise<string> | string | undefined
}

const at = '( at (?<at>\\w+))?$'

const join = async (world: DialogueWorld, words: Words): Promise<string> => {
  const actor = world.actor(words['who'])
  const reply = await world.coordinator(words['at']).groups.join(groupId, {
    memberId: words['anew'] ? '' : actor.memberId,
    instanceId: actor.instanceId,
    clientId: actor.name,
    clientHost: '127.0.0.1',
    sessionTimeoutMs: actor.sessionMs,
    rebalanceTimeoutMs: actor.rebalanceMs,
    protocolType: actor.protocolType,
    protocols: actor.protocols.map((name) => ({ name, metadata: Buffer.from(actor.metadata) })),
    knowsMemberIdRequired: actor.version >= 4,
    knowsSkipAssignment: actor.version >= 9,
  })
  world.learn(actor, reply.memberId)
  if (reply.error === 'NONE') actor.generation = reply.generation
  return joined(reply)
}

const joined = ({ error, generation, leader, memberId, protocol, members, skipAssignment }: JoinReply): string => {
  if (error !== 'NONE') return memberId === '' ? error : `${error}, is ${memberId}`
  const leads =
    leader === memberId
      ? `leads ${members.map((member) => `${member.memberId}=${member.metadata}`).join(' ')}`
      : `${leader} leads`
  return `joined generation ${generation} as ${memberId}, ${protocol}, ${leads}${skipAssignment ? ', assigns nothing' : ''}`
}

const sync = async (world: DialogueWorld, words: Words): Promise<string> => {
  const actor = world.actor(words['who'])
  const assignments = [...(words['parts'] ?? '').matchAll(/(\w+)=([\w,-]+)/g)].map(([, alias = '', part = '']) => ({
    memberId: world.memberId(alias),
    assignment: Buffer.from(part),
  }))
  const { error, assignment } = await world.coordinator(words['at']).groups.sync(groupId, {
    memberId: actor.memberId,
    instanceId: actor.instanceId,
    generation: Number(words['generation'] ?? actor.generation),
    protocolType: null,
    protocol: null,
    assignments,
  })
  return error === 'NONE' ? `assigned ${assignment.toString() || 'nothing'}` : error
}

const beat = (world: DialogueWorld, words: Words): Promise<string> => {
  const actor = world.actor(words['who'])
  return world.coordinator(words['at']).groups.heartbeat(groupId, {
    memberId: actor.memberId,
    instanceId: actor.instanceId,
    generation: Number(words['generation'] ?? actor.generation),
  })
}

const leave = async (world: DialogueWorld, words: Words): Promise<string> => {
  const { memberId, instanceId } = words['instance']
    ? { memberId: '', instanceId: words['instance'] }
    : world.actor(words['who'])
  const errors = await world.coordinator(words['at']).groups.leave(groupId, [{ memberId, instanceId }])
  return errors.join(' ')
}

const commit = async (world: DialogueWorld, words: Words): Promise<string> => {
  const actor = world.actor(words['who'])
  const isMember = actor.memberId !== ''
  const number = actor.epoch > 0 ? actor.epoch : actor.generation
  const committer = {
    memberId: actor.memberId,
    instanceId: isMember ? actor.instanceId : null,
    generationOrEpoch: Number(words['generation'] ?? (isMember ? number : -1)),
  }
  const topic = topicId(words['topic'] ?? '')
  const index = Number(words['index'])
  const one = { index, offset: BigInt(words['offset'] ?? 0), leaderEpoch: 0, metadata: '' }
  const answers = await world
    .coordinator(words['at'])
    .groups.commit(groupId, committer, [{ topicId: topic, commits: [one] }])
  return answers.get(topic)?.get(index) ?? 'no answer'
}

const fetch = async (world: DialogueWorld, words: Words): Promise<string> => {
  const topic = topicId(words['topic'] ?? '')
  const asking = { memberId: null, memberEpoch: -1 }
  const { error, offsets } = await world.coordinator(words['at']).groups.fetchOffsets(groupId, asking, [topic])
  const found = Object.entries(offsets.get(topic) ?? {}).map(([index, { offset }]) => `${index}=${offset}`)
  return error === 'NONE' ? `committed ${found.join(' ') || 'nothing'}` : error
}

/** A heartbeat of the new protocol. */
const poll = async (world: DialogueWorld, words: Words): Promise<string> => {
  const actor = world.actor(words['who'])
  const memberEpoch = Number(words['epoch'] ?? actor.epoch)
  const joins = memberEpoch === 0
  const names = words['names']
  const regex = names?.startsWith('/') ? names.slice(1, -1) : null
  const reply = await world.coordinator(words['at']).groups.consumerHeartbeat(groupId, {
    memberId: actor.memberId === '' ? '' : actor.memberId,
    memberEpoch,
    instanceId: actor.instanceId,
    rackId: null,
    clientId: actor.name,
    clientHost: '127.0.0.1',
    rebalanceTimeoutMs: joins ? actor.rebalanceMs : -1,
    subscribedNames: names && regex === null ? names.split(' ') : null,
    subscribedRegex: regex,
    assignor: words['assignor'] ?? null,
    owned: joins ? {} : words['owned'] ? partitionsIn(words['owned']) : null,
  })
  if (reply.error !== 'NONE') {
    if (reply.error !== 'UNRELEASED_INSTANCE_ID') actor.epoch = 0
    return reply.error
  }
  world.learn(actor, reply.memberId)
  actor.epoch = reply.memberEpoch < 0 ? 0 : reply.memberEpoch
  const told = reply.assignment === null ? '' : `, has ${textOf(reply.assignment)}`
  return reply.memberEpoch < 0 ? 'left' : `epoch ${reply.memberEpoch}${told}`
}

const describe = async (world: DialogueWorld): Promise<string> => {
  const group = await world.coordinator().groups.describe(groupId)
  if (group === undefined) return 'Dead'
  if (group.type === 'classic') {
    const members = group.members.map(({ memberId, assignment }) => `\n${memberId} ${assignment}`.trimEnd())
    return `${group.state}, classic, ${group.protocolType || 'no type'}${members.join('')}`
  }
  const pairs = (topics: (typeof group.members)[number]['assigned']): string =>
    textOf(Object.fromEntries(topics.map(({ topicId: id, partitions }) => [id, partitions])))
  const members = group.members.map(
    ({ memberId, epoch, assigned, target }) =>
      `\n${memberId} epoch ${epoch} has ${pairs(assigned)} of ${pairs(target)}`,
  )
  return `${group.state}, consumer, ${group.assignor}, epoch ${group.epoch}${members.join('')}`
}

const list = async (world: DialogueWorld): Promise<string> =>
  (await world.coordinator().groups.list())
    .map(({ groupId: id, protocolType, state, type }) => `${id} ${state} ${type} ${protocolType || '-'}`)
    .join('\n') || 'no groups'

const deleteOffsets = async (world: DialogueWorld, { topic = '' }: Words): Promise<string> => {
  const wanted = [{ topicId: topicId(topic), name: topic, indexes: [0, 1, 2, 3] }]
  const { error, topics } = await world.coordinator().groups.deleteOffsets(groupId, wanted)
  return error === 'NONE' ? (topics.get(topicId(topic)) ?? 'no answer') : error
}

/** `static i, session 10 s, rebalance 30 s, type connect, protocols range sticky, metadata m, version 5`. */
const configure = (world: DialogueWorld, { name, what = '' }: Words): undefined => {
  const actor = world.actor(name)
  for (const part of what.split(', ')) {
    const [key, ...rest] = part.split(' ')
    const value = rest.join(' ')
    if (key === 'static') actor.instanceId = value
    else if (key === 'session') actor.sessionMs = msOf(value)
    else if (key === 'rebalance') actor.rebalanceMs = msOf(value)
    else if (key === 'type') actor.protocolType = value
    else if (key === 'protocols') actor.protocols = rest
    else if (key === 'metadata') actor.metadata = value
    else if (key === 'version') actor.version = Number(value)
    else if (key === 'restarted') Object.assign(actor, { memberId: '', epoch: 0, generation: -1 })
    else throw new Error(`nobody knows what "${part}" is`)
  }
}

const say = (line: string, act: Command['act']): Command => ({ line: new RegExp(`^${line}`), act })

export const commands: readonly Command[] = [
  say('member (?<name>\\w+): (?<what>.+)$', configure),
  say('topic (?<name>\\w+) has (?<count>\\d+) partitions$', (world, { name = '', count }) => {
    world.setTopic(name, Number(count))
    return undefined
  }),
  say(`(?<who>\\w+) joins(?<anew> anew)?${at}`, join),
  say(`(?<who>\\w+) syncs(?<parts>( \\w+=[\\w,-]+)*)( in generation (?<generation>\\d+))?${at}`, sync),
  say(`(?<who>\\w+) beats( in generation (?<generation>\\d+))?${at}`, beat),
  say(`(?<who>\\w+) leaves${at}`, (world, words) =>
    world.actor(words['who']).epoch > 0 ? poll(world, { ...words, epoch: '-1' }) : leave(world, words),
  ),
  say(`(?<who>\\w+) leaves for a while${at}`, (world, words) => poll(world, { ...words, epoch: '-2' })),
  say('admin removes (?<instance>\\w+)$', leave),
  say(
    `(?<who>\\w+) commits (?<topic>\\w+)-(?<index>\\d+)=(?<offset>\\d+)( in (generation|epoch) (?<generation>-?\\d+))?${at}`,
    commit,
  ),
  say(`(?<who>\\w+) fetches (?<topic>\\w+)${at}`, fetch),
  say(
    `(?<who>\\w+) polls(, subscribing to (?<names>/.*?/|\\w+( \\w+)*?))?(, having (?<owned>nothing|\\w+-\\d+( \\w+-\\d+)*))?(, by (?<assignor>\\w+))?(, in epoch (?<epoch>\\d+))?${at}`,
    poll,
  ),
  say('describe$', describe),
  say('list$', list),
  say('delete group$', (world) => world.coordinator().groups.delete(groupId)),
  say('delete offsets of (?<topic>\\w+)$', deleteOffsets),
  say('delete expired$', async (world) => `${(await world.coordinator().groups.deleteExpired()).deleted} deleted`),
  say(`(?<at>\\w+) (?<what>${fates.join('|')})$`, (world, words) => {
    world.coordinator(words['at']).gate.set(fateOf(words['what']))
    return undefined
  }),
]

const fateOf = (text: string | undefined): Fate => fates.find((fate) => fate === text) ?? 'goes on'
