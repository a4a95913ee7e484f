import { execFileSync, spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { helpText } from '../../lib/cli/command-help.ts'
import { everyCommand } from '../../lib/cli/commands.ts'
import { version } from '../../lib/version.ts'
import { skipWithout, temporaryFile } from '../support/tools.ts'
import { runCommand } from '../support/wadi-command.ts'

const commands = await everyCommand()

test.each(commands.map((one) => [one.name, one] as const))('wadi %s says what it does, and shows how', (name, one) => {
  expect(one.summary).toMatch(/^[A-Z].*[^.]$/)
  expect(one.examples?.length).toBeGreaterThan(0)
  for (const { line } of one.examples ?? []) expect(line).toContain(`wadi ${name}`)
  for (const { says } of [...one.arguments, ...Object.values(one.flags)]) expect(says).not.toBe('')
  const letters = Object.values(one.flags).flatMap(({ short }) => short ?? [])
  expect(new Set(letters).size).toBe(letters.length)
  expect(letters).not.toContain('h')
  expect(helpText(one)).toMatch(new RegExp(`^wadi ${name}( |\n)`))
})

test('wadi help names every command, in a line each', async () => {
  const { status, out, err } = await runCommand(['help'])
  expect({ status, err }).toEqual({ status: 0, err: '' })
  for (const { name, summary } of commands) expect(out).toMatch(new RegExp(`^  wadi ${name} +${summary[0]}`, 'm'))
  expect((await runCommand(['--help'])).out).toBe(out)
})

test('help on a command and on a noun is asked for in every way', async () => {
  const { out } = await runCommand(['topic', 'create', '--help'])
  expect(out).toMatch(/^wadi topic create <topic> \[flags\]\n/)
  expect(await runCommand(['help', 'topic', 'create'])).toEqual({ status: 0, out, err: '' })
  expect((await runCommand(['topic', '--help'])).out).toMatch(/wadi topic ls .*\n.*wadi topic create/)
  expect(JSON.parse((await runCommand(['topic', 'ls', '--help-json'])).out)).toMatchObject({ name: 'topic ls' })
})

test.each([
  [['topic'], 'wadi topic create'],
  [['topic', 'make'], 'wadi topic: there is no "make" here'],
  [['constructor'], 'there is no command "constructor"; wadi help lists them'],
  [['help', 'nothing'], 'there is no command "nothing"'],
])('%j is a mistake in the usage: status 2', async (args, says) => {
  const { status, out, err } = await runCommand(args)
  expect({ status, out }).toEqual({ status: 2, out: '' })
  expect(err).toContain(says)
})

test('the version is that of the package', async () => {
  expect(await runCommand(['--version'])).toEqual({ status: 0, out: `${version()}\n`, err: '' })
})

test('bash completes commands, verbs and flags', async () => {
  const { out } = await runCommand(['completion', 'bash'])
  const complete = (...words: readonly string[]): readonly string[] => {
    const typed = words.map((word) => `'${word}'`).join(' ')
    const script = `${out}\nCOMP_WORDS=(${typed}); COMP_CWORD=${words.length - 1}; _wadi; echo "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split(' ')
  }
  expect(complete('wadi', 'to')).toEqual(['topic'])
  expect(complete('wadi', 'topic', 'de')).toEqual(['describe', 'delete'])
  expect(complete('wadi', 'topic', 'create', '--part')).toEqual(['--partitions'])
  expect(complete('wadi', 'consume', 'orders', '--wh')).toEqual(['--where'])
  expect(complete('wadi', 'help')).toEqual(['help'])
})

describe.each(['zsh', 'fish'] as const)('what completes in %s', (shell) => {
  test('has the flags', async () => {
    const { status, out } = await runCommand(['completion', shell])
    expect(status).toBe(0)
    expect(out).toContain('--partitions'.slice(shell === 'fish' ? 2 : 0))
  })

  test.skipIf(skipWithout(shell))('can be read by it', async () => {
    const { out } = await runCommand(['completion', shell])
    const file = temporaryFile(`wadi.${shell}`, out)
    expect(spawnSync(shell, ['-n', file], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  })
})
