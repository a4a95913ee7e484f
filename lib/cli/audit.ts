import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { realClock } from '../clock.ts'
import { type Settings, SettingsError, settingsFrom } from '../environment.ts'
import { type AuditProgress, auditLogs } from '../maintenance/audit.ts'
import { addCounts, Problems } from '../maintenance/audit-report.ts'
import { type AuditStores, readOnly } from '../maintenance/audit-stores.ts'
import { StoreSetupError, StoreUnavailable } from '../store/items.ts'
import { auditGroups } from './audit-groups.ts'
import { type AuditReport, tableOf } from './audit-table.ts'

const usage = `wadi audit [--data .wadi] [--sample 16 | --deep] [-o table|json]

Checks that everything is where it must be, and writes nothing: rows dense, checkpoints what their rows add up to,
offsets without gap or overlap, every object there and large enough, checksums right. Status 0 when all of that holds,
1 when it does not. A folder must not be in use; a table and a bucket may be.

  --data      WADI_DATA          the folder of the records
              WADI_STORE=aws     WADI_TABLE and WADI_BUCKET instead, beside AWS's own variables
  --sample                       batches, or blocks of batches, whose bytes are read in each partition
  --deep                         read all of them
  -o          --output           a terminal gets a table, a pipe JSON

`

/** The exit status: 0 all is sound, 1 it is not or cannot be told, 2 usage. */
export const runAudit = async (args: readonly string[]): Promise<number> => {
  let wanted: Wanted | undefined
  try {
    wanted = wantedFrom(args)
  } catch (error) {
    if (!isUsageError(error)) throw error
    process.stderr.write(`wadi audit: ${error.message}\n\n${usage}`)
    return 2
  }
  if (wanted === undefined) {
    process.stderr.write(usage)
    return 0
  }
  try {
    const report = await audit(wanted)
    const data =
      wanted.output === 'json' ? `${JSON.stringify({ _v: 1, _cmd: 'audit', data: report })}\n` : tableOf(report)
    process.stdout.write(data)
    return report.sound ? 0 : 1
  } catch (error) {
    if (!(error instanceof StoreSetupError || error instanceof StoreUnavailable)) throw error
    process.stderr.write(`wadi audit: ${error.message}\n`)
    return 1
  }
}

type Wanted = { readonly settings: Settings; readonly sample: number; readonly output: 'table' | 'json' }

const options = {
  data: { type: 'string' },
  sample: { type: 'string', default: '16' },
  deep: { type: 'boolean', default: false },
  output: { type: 'string', short: 'o' },
  help: { type: 'boolean', short: 'h' },
} as const

/** Undefined: only help is wanted. */
const wantedFrom = (args: readonly string[]): Wanted | undefined => {
  const { values } = parseArgs({ args: [...args], options, strict: true })
  if (values.help) return undefined
  const settings = settingsFrom({ ...process.env, ...(values.data !== undefined && { WADI_DATA: values.data }) })
  if (settings.store === 'memory') throw new SettingsError('WADI_STORE is "memory": of that nothing is kept')
  if (!/^\d{1,9}$/.test(values.sample)) throw new SettingsError(`--sample is "${values.sample}": it must be a number`)
  const output = values.output ?? (process.stdout.isTTY ? 'table' : 'json')
  if (output !== 'table' && output !== 'json') throw new SettingsError(`-o is "${output}": it must be table or json`)
  return { settings, sample: values.deep ? Number.POSITIVE_INFINITY : Number(values.sample), output }
}

const isUsageError = (error: unknown): error is Error =>
  error instanceof SettingsError ||
  (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))

const audit = async ({ settings, sample }: Wanted): Promise<AuditReport> => {
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
