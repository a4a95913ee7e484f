import { expect, test } from 'vitest'
import { auditLogs } from '../../lib/maintenance/audit.ts'
import { Problems } from '../../lib/maintenance/audit-report.ts'
import { Maintenance } from '../../lib/maintenance/maintain.ts'
import { sweep } from '../../lib/maintenance/sweep.ts'
import { objectKey, rowKey } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { all, busyCluster, segmentOf } from './busy-cluster.ts'

test('a cluster is sound after appends, flushes, merges, trims, checkpoints, truncations and sweeps', async () => {
  const cluster = await busyCluster()
  expect((await cluster.audit()).problems).toEqual([])
  await cluster.age()
  expect((await cluster.checkpointItem()).floor).toBeGreaterThan(0)
  const { problems, counts } = await cluster.audit()
  expect(problems).toEqual([])
  expect(counts).toMatchObject({ topics: 1, deletions: 0, shards: 1, partitions: 2 })
  expect(counts.rows).toBe((await cluster.state()).seq - (await cluster.checkpointItem()).floor)
  expect(counts.batches).toBeGreaterThan(5)
  expect(counts.blocks).toBeGreaterThan(1)
})

test('an empty cluster and an empty topic are sound', async () => {
  const { topics, items, objects, clock } = await busyCluster()
  await topics.create({ name: 'empty', partitions: 40, shards: 3, configs: {} })
  const problems = new Problems()
  const options = { clock, sample: all, problems, onProgress: () => {} }
  expect(await auditLogs({ items: memoryItems(), objects: memoryObjects(() => 0) }, options)).toMatchObject({
    topics: 0,
  })
  expect(await auditLogs({ items, objects }, options)).toMatchObject({ topics: 2, shards: 4 })
  expect(problems.count).toBe(0)
})

test('what a deletion leaves is counted, and is no problem', async () => {
  const { topics, topic, items, objects, logs, bytes, clock, audit } = await busyCluster()
  await topics.delete(topic)
  const before = await audit()
  expect(before).toMatchObject({ problems: [], counts: { topics: 0, deletions: 1 } })
  expect(before.counts.orphans).toBeGreaterThan(5)
  const onError = () => {}
  await new Maintenance({ topics, logs, bytes, items, objects, clock, onError }).pass()
  expect(await audit()).toMatchObject({ problems: [], counts: { deletions: 1, orphans: 0, objects: 0 } })
})

test('objects that nothing names are counted with their bytes, and are no problem', async () => {
  const { objects, shard, audit } = await busyCluster()
  const before = (await audit()).counts
  await objects.putIfAbsent(objectKey(shard, 'seg/000000000003-lost'), [Buffer.alloc(1000)])
  await objects.putIfAbsent('nobodyAAAAAAAAAAAAAAAA/0/wal/000000000003-lost', [Buffer.alloc(500)])
  const { counts, problems } = await audit()
  expect(problems).toEqual([])
  expect(counts.orphans - before.orphans).toBe(2)
  expect(counts.orphanBytes - before.orphanBytes).toBe(1500)
})

test('the row after the floor is missed like any other', async () => {
  const cluster = await busyCluster()
  await cluster.age()
  const { floor } = await cluster.checkpointItem()
  await cluster.items.delete(rowKey(cluster.shard, floor + 1))
  const { problems } = await cluster.audit()
  expect(problems).toMatchObject([
    { kind: 'rows', shard: 0, what: expect.stringContaining(`row ${floor + 1} is missing`) },
  ])
})

test('a sample reads a few batches of each partition, and finds objects that are missing all the same', async () => {
  const cluster = await busyCluster()
  const [few, everything] = [(await cluster.audit(1)).counts, (await cluster.audit()).counts]
  expect(few.batches + few.blocks).toBe(2)
  expect(everything.batches + everything.blocks).toBeGreaterThan(10)
  await cluster.objects.delete(objectKey(cluster.shard, segmentOf(await cluster.state()).name))
  expect((await cluster.audit(0)).problems).toMatchObject([{ kind: 'object' }])
})

test('an object that a flush and a sweep take away while the audit reads is no problem', async () => {
  const cluster = await busyCluster()
  const { items, objects, lane, flushed, clock } = cluster
  let isSwept = false
  const problems = new Problems()
  const sweptBeforeListed = {
    ...objects,
    list: async (prefix: string, after: string) => {
      if (!isSwept) {
        isSwept = true
        await flushed()
        await sweep(lane, objects, (await cluster.state()).seq)
      }
      return objects.list(prefix, after)
    },
  }
  await auditLogs({ items, objects: sweptBeforeListed }, { clock, sample: all, problems, onProgress: () => {} })
  expect(isSwept).toBe(true)
  expect(problems.listed).toEqual([])
})

test('a truncation while the audit reads rows is no problem', async () => {
  const cluster = await busyCluster()
  const { items, objects, clock, age } = cluster
  let isAged = false
  const problems = new Problems()
  const agedBeforeRows: typeof items = {
    ...items,
    query: async (partition, options) => {
      if (!isAged && partition.startsWith('J#')) {
        isAged = true
        await age()
      }
      return items.query(partition, options)
    },
  }
  await auditLogs({ items: agedBeforeRows, objects }, { clock, sample: all, problems, onProgress: () => {} })
  expect(isAged).toBe(true)
  expect(problems.listed).toEqual([])
})

test('a topic that is deleted while the audit reads it is no problem', async () => {
  const { items, objects, topics, topic, logs, bytes, clock } = await busyCluster()
  const maintenance = new Maintenance({ topics, logs, bytes, items, objects, clock, onError: () => {} })
  let isDeleted = false
  const problems = new Problems()
  const deletedBeforeRead: typeof objects = {
    ...objects,
    read: async (key, range) => {
      if (!isDeleted) {
        isDeleted = true
        await topics.delete(topic)
        await maintenance.pass()
      }
      return objects.read(key, range)
    },
  }
  await auditLogs({ items, objects: deletedBeforeRead }, { clock, sample: all, problems, onProgress: () => {} })
  expect(isDeleted).toBe(true)
  expect(problems.listed).toEqual([])
})

test('an audit writes nothing', async () => {
  const { items, objects, clock } = await busyCluster()
  const refuse = async () => {
    throw new Error('written')
  }
  const stores = {
    items: { ...items, putIfAbsent: refuse, replace: refuse, delete: refuse },
    objects: { ...objects, putIfAbsent: refuse, delete: refuse },
  }
  const problems = new Problems()
  await auditLogs(stores, { clock, sample: all, problems, onProgress: () => {} })
  expect(problems.count).toBe(0)
})
