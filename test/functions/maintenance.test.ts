import { expect, test } from 'vitest'
import { realClock } from '../../lib/clock.ts'
import { functionLimits } from '../../lib/function-instance.ts'
import { makeInstance } from '../../lib/instance.ts'
import { defaultRules } from '../../lib/journal/journal.ts'
import { shardsOf } from '../../lib/journal/topics.ts'
import { maintenanceFunction } from '../../lib/lambda.ts'
import { checkpointKey } from '../../lib/store/keys.ts'
import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'

test('a call fails when a shard cannot be maintained, after all others have been', async () => {
  const items = memoryItems()
  const lines: string[] = []
  const writeLine = (line: string): void => void lines.push(line)
  const instance = makeInstance(
    {
      items,
      objects: memoryObjects(realClock.now),
      rules: defaultRules,
      keepsReads: true,
      leavesHints: true,
      close: () => {},
    },
    { autoCreateTopics: false, numPartitions: 1, log: writeLine, ...functionLimits },
  )
  for (const name of ['damaged', 'sound']) {
    await instance.context.topics.create({ name, partitions: 1, shards: 1, configs: {} })
  }
  const damaged = await instance.context.topics.find('damaged')
  for (const shard of damaged ? shardsOf(damaged) : []) {
    await items.replace(checkpointKey(shard), { attempt: 'damage', body: Buffer.from('{') }, 1)
  }
  const maintenance = maintenanceFunction({ environment: {}, open: async () => instance, writeLine })
  const call = maintenance({}, { awsRequestId: 'request', getRemainingTimeInMillis: () => 60_000 })
  await expect(call).rejects.toThrow('maintenance failed in 1 places')
  expect(lines).toEqual([
    expect.stringContaining(`maintenance of ${damaged?.id}/0/ failed`),
    expect.stringMatching(/"maintenance":\{"shards":2,"errors":1\}/),
  ])
})
