import type { AdvisedProblem, AuditCounts } from '../maintenance/audit-report.ts'

export type AuditReport = AuditCounts & {
  readonly sound: boolean
  readonly problemCount: number
  /** The first of them. */
  readonly problems: readonly AdvisedProblem[]
}

/** An audit's result for people. */
export const tableOf = (report: AuditReport): string => {
  const { problems, problemCount } = report
  const rows: readonly (readonly [string, string])[] = [
    ['topics', `${report.topics}, and ${report.deletions} being deleted`],
    ['shards', `${report.shards} with ${report.partitions} partitions`],
    ['rows', `${report.rows}`],
    ['objects', `${report.objects} with ${report.objectBytes} bytes`],
    ['read', `${report.batches} batches and ${report.blocks} blocks of batches`],
    ['groups', `${report.groups}`],
    ['orphans', `${report.orphans} with ${report.orphanBytes} bytes: left to a sweep`],
    ['problems', `${problemCount}`],
  ]
  const table = rows.map(([name, value]) => `${name.padEnd(nameWidth)}${value}\n`).join('')
  const told = problems.map((problem) => `\n${placeOf(problem)}: ${problem.what}\n  ${problem.todo}\n`).join('')
  const more = problemCount > problems.length ? `\nand ${problemCount - problems.length} more\n` : ''
  return `${table}${told}${more}`
}

const nameWidth = 10

const placeOf = ({ kind, topic, group, shard, partition }: AdvisedProblem): string => {
  const whose = group === undefined ? `topic ${topic}` : `group ${group}`
  const parts = [
    kind,
    whose,
    ...(shard === undefined ? [] : [`shard ${shard}`]),
    ...(partition === undefined ? [] : [`partition ${partition}`]),
  ]
  return parts.join(', ')
}
