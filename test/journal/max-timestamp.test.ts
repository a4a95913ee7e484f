import { expect, test } from 'vitest'
import { offsetOfMaxTimestamp } from '../../lib/journal/read.ts'
import { flush } from '../../lib/maintenance/flush.ts'
import { batchOf } from '../support/batches.ts'
import { appendBatches, emptyLog } from '../support/log.ts'

const at = (timestamp: bigint) => ({ key: null, value: Buffer.from('v'), timestamp })

test.each([['tail'], ['segment']])('the largest timestamp is one that was not trimmed: in the %s', async (place) => {
  const log = await emptyLog()
  await appendBatches(log, 0, batchOf([at(90n), at(10n), at(30n), at(20n), at(30n)]))
  await appendBatches(log, 0, batchOf([at(25n), at(30n)]))
  if (place === 'segment') await flush(log.lane, log.objects, log.bytes)
  const max = () => offsetOfMaxTimestamp(log.lane, log.bytes, 0)
  const startFrom = (logStartOffset: bigint) =>
    log.lane.change(() => ({ kind: 'trim', partition: 0, logStartOffset }), log.clock.now() + 1000)
  expect(await max()).toEqual({ offset: 0n, timestamp: 90n })
  await startFrom(1n)
  expect(await max()).toEqual({ offset: 2n, timestamp: 30n })
  await startFrom(3n)
  expect(await max()).toEqual({ offset: 4n, timestamp: 30n })
  await startFrom(6n)
  expect(await max()).toEqual({ offset: 6n, timestamp: 30n })
  await startFrom(7n)
  expect(await max()).toBeUndefined()
})
