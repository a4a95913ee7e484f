import { SettingsError, settingsFrom } from '../environment.ts'
import { tableOf } from './audit-table.ts'
import { command } from './command.ts'
import { exits, UsageError } from './failures.ts'
import { envelope, formatFrom } from './output.ts'

export const audit = command({
  name: 'audit',
  summary: 'Checks that everything that is stored is where it must be, and writes nothing',
  about: `Rows dense, checkpoints what their rows add up to, offsets without gap or overlap, every object there and large
enough, checksums right. The status is 0 when all of that holds, 1 when it does not. A folder must not be in use; a table
and a bucket may be: WADI_STORE=aws, with WADI_TABLE and WADI_BUCKET beside AWS's own variables.`,
  arguments: [],
  flags: {
    data: {
      kind: 'text',
      value: 'folder',
      variable: 'WADI_DATA',
      otherwise: '.wadi',
      says: 'the folder of the records',
    },
    sample: {
      kind: 'text',
      value: 'number',
      otherwise: '16',
      says: 'batches, or blocks of batches, whose bytes are read in each partition',
    },
    deep: { kind: 'yes', says: 'read all of them' },
    output: { kind: 'text', short: 'o', value: 'table|json', says: 'a terminal gets a table, a pipe JSON' },
  },
  examples: [{ line: 'wadi audit --data .wadi --deep', says: 'everything, to the last byte' }],
  run: async ({ flags }, { environment, out }) => {
    const settings = settingsFrom({ ...environment, WADI_DATA: flags.data })
    if (settings.store === 'memory') throw new SettingsError('WADI_STORE is "memory": of that nothing is kept')
    const { sample = '16' } = flags
    if (!/^\d{1,9}$/.test(sample)) throw new UsageError(`--sample is "${sample}": it must be a number`)
    const format = formatFrom(flags.output, out, ['table', 'json'])
    const { runAudit } = await import('./audit-run.ts')
    const report = await runAudit({ settings, sample: flags.deep ? Number.POSITIVE_INFINITY : Number(sample) })
    out.write(format === 'json' ? envelope('audit', report) : tableOf(report))
    return report.sound ? exits.ok : exits.error
  },
})
