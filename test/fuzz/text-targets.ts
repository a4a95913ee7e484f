import { PatternProblem, topicPattern } from '../../lib/group/topic-pattern.ts'
import { configOf, configProblem, shardsFor } from '../../lib/log/config.ts'
import { configKeys } from '../../lib/log/config-keys.ts'
import { nameProblem } from '../../lib/log/topic.ts'
import type { Chance } from '../gateway/chance.ts'
import { mustBe, type Target, unlessRefused } from './target.ts'

const pieces = [
  ...['a', 'orders', '.', '.*', '.+', '[a-z]', '[^0-9]+', '(a|b)', '(?:ab)*', '(a+)+', '(a|a)*', '(.*)*', 'x{2,5}'],
  ...[
    'a{0,900}',
    '^',
    '$',
    '\\.',
    '\\d+',
    '\\w*?',
    '\\Qa.b\\E',
    '|',
    '?',
    '(',
    ')',
    '[',
    ']',
    '{',
    '-',
    'é',
    '(?P<n>a)',
  ],
] as const

const names = ['orders', 'a'.repeat(249), `${'a'.repeat(248)}!`, '', 'a.b-c_d'] as const

/** Every pattern has an end, soon, whatever it says. */
const patterns: Target = {
  name: 'topic pattern',
  share: 12,
  valid: (random) => Buffer.from(random.pick(['', '', '(?i)']) + anyPattern(random)),
  run: (input) => unlessRefused([PatternProblem], () => matchAll(input.toString())),
  check: (valid) => void unlessRefused([PatternProblem], () => matchAll(valid.toString())),
}

const anyPattern = (random: Chance): string =>
  Array.from({ length: 1 + random.below(8) }, () => random.pick(pieces)).join('')

const matchAll = (source: string): void => {
  const pattern = topicPattern(source)
  for (const name of names) pattern.matches(name)
}

/** `name=value` lines: what an administrator sets. What is allowed has a meaning. */
const configs: Target = {
  name: 'config',
  share: 60,
  valid: (random) => Buffer.from(Array.from({ length: 1 + random.below(3) }, () => anyConfig(random)).join('\n')),
  run: (input) => {
    const entries = Object.fromEntries(
      input
        .toString()
        .split('\n')
        .map((line) => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)]),
    )
    const problem = configProblem(entries)
    if (problem !== undefined) return false
    const { retentionMs, maxMessageBytes } = configOf({ configs: entries })
    mustBe(retentionMs >= -1n && maxMessageBytes >= 0, 'what is allowed has a meaning')
    const shards = shardsFor(entries, 3)
    mustBe('problem' in shards || (Number.isSafeInteger(shards.shards) && shards.shards > 0), 'a topic has shards')
    return true
  },
  check: (valid) => mustBe(valid.length > 0, 'there is something to set'),
}

const anyConfig = (random: Chance): string => {
  const keys = [...configKeys.values()]
  const key = keys[random.below(keys.length)]
  const values = [key?.defaultValue ?? '', '1000', '-1', 'true', 'lz4', '+7', ' 12 ', '', '2147483648', '0.5'] as const
  return `${key?.name}=${random.pick(values)}`
}

const topicNames: Target = {
  name: 'topic name',
  share: 20,
  valid: (random) => Buffer.from(random.pick(['orders', 'a.b', '_x-1', 'a'.repeat(249)])),
  run: (input) => {
    const name = input.toString()
    if (nameProblem(name) !== undefined) return false
    mustBe(/^[\w.-]{1,249}$/.test(name) && name !== '.' && name !== '..', 'a name is a name')
    return true
  },
  check: (valid) => mustBe(nameProblem(valid.toString()) === undefined, 'a valid name is one'),
}

export const textTargets: readonly Target[] = [patterns, configs, topicNames]
