import {
  clusterKey,
  deletionsPartition,
  groupPrefix,
  groupsPartition,
  hintsPartition,
  journalPartition,
  nodesPartition,
  offsetsPartition,
  producerIdsKey,
  shardPrefix,
  topicNameKey,
  topicsPartition,
} from '../store/keys.ts'
import type { FunctionName } from './bundle.ts'

/** The functions that answer, each at `/kafka/<door>`. */
export const doors = ['produce', 'fetch', 'admin', 'groups'] as const satisfies readonly FunctionName[]

export type Door = (typeof doors)[number]

/** What a function may do with the two stores: partitions of the table and keys of the bucket, `*` standing for anything. */
export type Permissions = {
  readonly readsItems: readonly string[]
  readonly writesItems: readonly string[]
  readonly deletesItems: readonly string[]
  readonly readsObjects: readonly string[]
  readonly writesObjects: readonly string[]
  readonly deletesObjects: readonly string[]
}

const anyShard = { topicId: '*', index: 0 }
const journals = journalPartition(anyShard).replace(/0$/, '*')
const offsets = offsetsPartition('*')
const topicIds = topicNameKey('').partition
const producerIds = producerIdsKey.partition
const cluster = clusterKey.partition

const objectsOfJournals = ['wal', 'seg', 'ckpt'].map(
  (folder) => `${shardPrefix(anyShard).replace(/0\/$/, '*')}/${folder}/*`,
)
const objectsOfGroups = `${groupPrefix('*')}*`

/**
 * Every function finds topics, and answers about their journals. Only admin draws the cluster's id: whoever asks others by
 * that id has it from admin.
 */
const reader: Permissions = {
  readsItems: [topicsPartition, topicIds, journals],
  writesItems: [],
  deletesItems: [],
  readsObjects: objectsOfJournals,
  writesObjects: [],
  deletesObjects: [],
}

/**
 * What each function may do, and nothing else. Only maintenance deletes: the others leave documents that say what is to
 * be deleted.
 */
export const permissions: Readonly<Record<FunctionName, Permissions>> = {
  // A writer tells maintenance what there is to do, and flushes and checkpoints for itself when that is far behind.
  produce: {
    ...reader,
    readsItems: [...reader.readsItems, producerIds, cluster],
    writesItems: [journals, producerIds, hintsPartition],
    writesObjects: objectsOfJournals,
  },
  fetch: reader,
  admin: {
    ...reader,
    readsItems: [...reader.readsItems, deletionsPartition, cluster],
    writesItems: [topicsPartition, topicIds, deletionsPartition, cluster, journals],
  },
  // Records that are dead go to topics of their own, which are made when they are needed.
  groups: {
    ...reader,
    readsItems: [...reader.readsItems, groupsPartition, offsets, cluster],
    writesItems: [groupsPartition, offsets, topicsPartition, topicIds, journals, hintsPartition],
    readsObjects: [...objectsOfJournals, objectsOfGroups],
    writesObjects: [...objectsOfJournals, objectsOfGroups],
  },
  maintenance: {
    readsItems: [...reader.readsItems, hintsPartition, deletionsPartition, groupsPartition, offsets],
    writesItems: [hintsPartition, deletionsPartition, journals, groupsPartition],
    deletesItems: [hintsPartition, topicIds, deletionsPartition, journals, offsets],
    readsObjects: [...objectsOfJournals, objectsOfGroups],
    writesObjects: objectsOfJournals,
    deletesObjects: [...objectsOfJournals, objectsOfGroups],
  },
}

/** What `wadi gateway --direct` needs: what the four doors may do, together, and to know of other gateways. */
export const directPermissions: Permissions = {
  readsItems: ofAllDoors(({ readsItems }) => [...readsItems, nodesPartition]),
  writesItems: ofAllDoors(({ writesItems }) => [...writesItems, nodesPartition]),
  deletesItems: [],
  readsObjects: ofAllDoors(({ readsObjects }) => readsObjects),
  writesObjects: ofAllDoors(({ writesObjects }) => writesObjects),
  deletesObjects: [],
}

function ofAllDoors(some: (permissions: Permissions) => readonly string[]): readonly string[] {
  return [...new Set(doors.flatMap((door) => some(permissions[door])))]
}
