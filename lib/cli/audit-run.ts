import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { realClock } from '../clock.ts'
import type { Settings } from '../environment.ts'
import { type AuditProgress, auditLogs } from '../maintenance/audit.ts'
import { addCounts, Problems } from '../maintenance/audit-report.ts'
import { type AuditStores, readOnly } from '../maintenance/audit-stores.ts'
import { StoreSetupError } from '../store/items.ts'
import { auditGroups } from './audit-groups.ts'
import type { AuditReport } from './audit-table.ts'

type Wanted = { readonly settings: Settings; readonly sample: number }

/** Reads everything that is stored. Throws `StoreSetupError`, `StoreUnavailable`. */
export const runAudit = async ({ settings, sample }: Wanted): Promise<AuditReport> => {
  using stores = await open(settings)
  const problems = new Problems()
  let toldMs = realClock.now()
  const onProgress = ({ topic, shard, read, toRead }: AuditProgress): void => {
    const nowMs = realClock.now()
    if (nowMs - toldMs < progressEveryMs) return
    toldMs = nowMs
    const part = toRead === 0 ? '' : `, ${read} of ${toRead} batches and segments`
    process.stderr.write(`wadi audit: at ${topic}, shard ${shard}${part}; ${problems.count} problems so far\n`)
  }
  const logs = await auditLogs(stores, { clock: realClock, sample, problems, onProgress })
  const counts = addCounts(logs, await auditGroups(readOnly(stores, realClock), problems))
  return { sound: problems.count === 0, ...counts, problemCount: problems.count, problems: problems.listed }
}

/** Whoever waits is told where it is. */
const progressEveryMs = 5000

const open = async ({ store, data, fsync, aws }: Settings): Promise<AuditStores & Disposable> => {
  if (store === 'aws') {
    const { dynamoItems } = await import('../store/dynamodb.ts')
    const { s3Objects } = await import('../store/s3.ts')
    const [items, objects] = [dynamoItems(aws.dynamo, aws.table), s3Objects(aws.s3, aws.bucket)]
    const close = (): void => {
      items[Symbol.dispose]()
      objects[Symbol.dispose]()
    }
    return { items, objects, [Symbol.dispose]: close }
  }
  // Opening would make it.
  if (!existsSync(join(data, 'format')))
    throw new StoreSetupError(`there is nothing of Wadi in ${data}: name its folder`)
  return (await import('../store/folder.ts')).openFolder(data, { fsync })
}
