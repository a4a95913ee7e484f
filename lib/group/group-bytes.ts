import { documentFrom } from '../store/document-shape.ts'
import type { ClassicGroup, ConsumerGroup, Group, LeaseGroup, Member, Protocol } from './group.ts'
import { groupShape } from './group-shape.ts'

/**
 * A group's document at rest, JSON:
 *
 *   { format, type: 'deleted', life, deletedMs,           the group is gone; its offsets may still have to go
 *     emptiedMs? }                                        when they were deleted last
 *   { format, type: 'classic', life, …ClassicGroup }      bytes as base64, or where they are
 *   { format, type: 'consumer', life, …ConsumerGroup }
 *   { format, type: 'lease', life, …LeaseGroup }          of the later format: the first instances know no leases
 *
 * Bytes that would make it too large are objects of their own: `{ object: key }`.
 */
const groupFormat = 1
const leaseFormat = 2

/** Another instance has been upgraded, and this one cannot read what it wrote. */
export class NewerGroupFormat extends Error {
  override readonly name = 'NewerGroupFormat'
}

/** Bytes of members: in the document, or where they are. */
type BlobAtRest = string | { readonly object: string }

export type DeletedGroup = {
  readonly type: 'deleted'
  readonly life: string
  readonly deletedMs: number
  /** When what it has left was deleted last. */
  readonly emptiedMs?: number
}

type MemberAtRest = Omit<Member, 'protocols' | 'assignment'> & {
  readonly protocols: readonly { readonly name: string; readonly metadata: BlobAtRest }[]
  readonly assignment: BlobAtRest
}

type GroupAtRest = { readonly format: number } & (
  | DeletedGroup
  | ConsumerGroup
  | LeaseGroup
  | (Omit<ClassicGroup, 'members'> & { readonly members: readonly MemberAtRest[] })
)

const shape = groupShape(groupFormat, leaseFormat)

/** `placeOf` tells where bytes are; undefined is in the document. */
export const encodeGroup = (group: Group | DeletedGroup, placeOf: (bytes: Buffer) => string | undefined): Buffer => {
  const blob = (bytes: Buffer): BlobAtRest => {
    const object = placeOf(bytes)
    return object === undefined ? bytes.toString('base64') : { object }
  }
  const atRest: GroupAtRest =
    group.type !== 'classic'
      ? { format: group.type === 'lease' ? leaseFormat : groupFormat, ...group }
      : {
          format: groupFormat,
          ...group,
          members: group.members.map((member) => ({
            ...member,
            protocols: member.protocols.map(({ name, metadata }) => ({ name, metadata: blob(metadata) })),
            assignment: blob(member.assignment),
          })),
        }
  return Buffer.from(JSON.stringify(atRest))
}

/** `read` brings bytes that are not in the document. Throws `NewerGroupFormat`, `DamagedDocument`. */
export const decodeGroup = async (
  body: Buffer,
  read: (object: string) => Promise<Buffer>,
): Promise<Group | DeletedGroup> => {
  const atRest = documentFrom<GroupAtRest>(body, 'the document of a group', shape)
  if (atRest.format > leaseFormat) throw new NewerGroupFormat(`format ${atRest.format}, known is ${leaseFormat}`)
  const { format: _, ...group } = atRest
  if (group.type === 'deleted') return group
  if (group.type === 'lease') return { ...group, emptySinceMs: group.emptySinceMs }
  if (group.type === 'consumer') {
    const members = group.members.map((member) => ({
      ...member,
      freshEpoch: member.freshEpoch,
      revokeUntilMs: member.revokeUntilMs,
    }))
    return { ...group, emptySinceMs: group.emptySinceMs, members }
  }
  const blob = async (at: BlobAtRest): Promise<Buffer> =>
    typeof at === 'string' ? Buffer.from(at, 'base64') : read(at.object)
  const members = group.members.map(async (member): Promise<Member> => {
    const protocols = member.protocols.map(
      async ({ name, metadata }): Promise<Protocol> => ({ name, metadata: await blob(metadata) }),
    )
    return { ...member, protocols: await Promise.all(protocols), assignment: await blob(member.assignment) }
  })
  return { ...group, emptySinceMs: group.emptySinceMs, members: await Promise.all(members) }
}

/** All bytes of members, each once, the largest first. */
export const blobsOf = (group: Group): readonly Buffer[] => {
  if (group.type !== 'classic') return []
  const blobs = group.members.flatMap(({ protocols, assignment }) => [
    assignment,
    ...protocols.map(({ metadata }) => metadata),
  ])
  return [...new Set(blobs)].toSorted((a, b) => b.length - a.length)
}
