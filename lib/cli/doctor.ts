import { settingsFrom } from '../environment.ts'
import { command } from './command.ts'
import { exits } from './failures.ts'
import { bold, type Column, envelope, formatFrom, formats, isPretty, outputFlags, printRows } from './output.ts'
import { clientFlags, serverAddress } from './server-address.ts'

/** Something that was looked at. */
export type Finding = {
  readonly check: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly says: string
  /** What to do about it. */
  readonly todo?: string
}

export const doctor = command({
  name: 'doctor',
  summary: 'Looks at this machine, the server and AWS, and tells what to do about what is not well',
  about: `Node, the data folder, the ports, the server and its clock; and where AWS is used (WADI_STORE=aws, WADI_TABLE,
WADI_BUCKET), credentials, region, table and bucket. It changes nothing. The status is 1 when something fails.`,
  arguments: [],
  flags: {
    data: { kind: 'text', value: 'folder', variable: 'WADI_DATA', otherwise: '.wadi', says: 'of wadi dev' },
    ...outputFlags,
    ...clientFlags,
  },
  examples: [{ line: 'wadi doctor --url https://abc.execute-api.eu-central-1.amazonaws.com', says: 'a deployment' }],
  run: async ({ flags }, around) => {
    const format = formatFrom(flags.output, around.out, formats)
    const { environment, out } = around
    const settings = settingsFrom({ ...environment, WADI_DATA: flags.data })
    const { machineChecks } = await import('./doctor-machine.ts')
    const { serverChecks } = await import('./doctor-server.ts')
    const { awsChecks } = await import('./doctor-aws.ts')
    const address = serverAddress(flags, around)
    const isAws = settings.store === 'aws' || Boolean(environment['WADI_TABLE'] || environment['WADI_BUCKET'])
    const found = await Promise.all([
      machineChecks(settings),
      serverChecks(address, environment),
      awsChecks(settings, isAws),
    ])
    const findings = found.flat()
    if (format === 'table') out.write(linesOf(findings, isPretty(out, around)))
    else if (format === 'json') out.write(envelope('doctor', findings))
    else printRows({ command: 'doctor', rows: findings, columns }, format, around)
    return findings.some(({ state }) => state === 'fail') ? exits.error : exits.ok
  },
})

const columns: readonly Column<Finding>[] = [
  { name: 'state', of: ({ state }) => state },
  { name: 'check', of: ({ check }) => check },
  { name: 'says', of: ({ says }) => says },
  { name: 'todo', of: ({ todo }) => todo },
]

const linesOf = (findings: readonly Finding[], pretty: boolean): string => {
  const width = Math.max(...findings.map(({ check }) => check.length))
  return findings
    .map(({ check, state, says, todo }) => {
      const mark = state.padEnd(4)
      const advice = todo === undefined ? '' : `\n${' '.repeat(width + 8)}${todo}`
      return `${pretty && state !== 'ok' ? bold(mark) : mark}  ${check.padEnd(width)}  ${says}${advice}\n`
    })
    .join('')
}
