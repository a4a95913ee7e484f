import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/** What each room may import; a room is a folder of `lib`, `lib/*.ts` is the room `wiring`. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  log: ['protocol'],
  store: [],
  journal: ['store', 'log'],
  group: ['protocol', 'store'],
  broker: ['protocol', 'log', 'journal', 'group', 'store (types)'],
  maintenance: ['store', 'log', 'journal'],
  http: ['broker', 'journal', 'group', 'log', 'protocol'],
  gateway: ['protocol', 'broker (types)'],
  infra: ['environment.ts', 'store/keys.ts'],
  wiring: ['protocol', 'log', 'store', 'journal', 'group', 'broker', 'maintenance', 'http', 'gateway', 'wiring'],
  client: ['protocol', 'group/consumer-protocol.ts', 'clock.ts'],
  // Measures the server as it is started, and the functions as they are deployed.
  bench: ['cli/main.ts', 'store/price.ts', 'infra/bundle.ts', 'clock.ts'],
  cli: [
    'protocol',
    'log',
    'store',
    'journal',
    'group',
    'broker',
    'maintenance',
    'http',
    'gateway',
    'client',
    'bench',
    'wiring',
  ],
  functions: ['wiring', 'http', 'broker', 'maintenance'],
}

/** Where time, chance and timers come from; every other file is given them. */
const ownsTime = [
  'lib/clock.ts',
  // The gateway waits, on behalf of everybody.
  'lib/gateway/wait.ts',
  // The bench waits for servers to start and to end.
  'lib/bench/server.ts',
  // A limit to every wait for AWS.
  'lib/store/aws-client.ts',
]

const maxLines = 400
const forbiddenNames = /^(utils?|common|helpers?|types?|shared|index|misc|ports|adapters|services)(\.test)?(\.ts)?$/

const root = fileURLToPath(new URL('..', import.meta.url))
const files = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file))
    .toSorted()

const sources = ['lib', 'functions'].filter((folder) => readdirSync(root).includes(folder)).flatMap(files)
const everything = [...sources, ...files('test')]
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')

const roomOf = (file: string): string => {
  const [top = '', room = '', ...rest] = file.split('/')
  if (top === 'functions') return top
  return rest.length === 0 ? 'wiring' : room
}

/** `import … from '…'`, `export … from '…'`, `import('…')`: whether only types are meant, and which file of ours. */
const importsOf = (file: string): readonly { readonly types: boolean; readonly target: string }[] =>
  [...textOf(file).matchAll(/^(?:import|export)\s(type\s)?[^'";]*?'(\.[^']+)'|import\((['"])(\.[^'"]+)\3\)/gms)].map(
    (found) => ({
      types: found[1] !== undefined,
      target: relative(root, resolve(root, dirname(file), found[2] ?? found[4] ?? '')),
    }),
  )

const isAllowed = (file: string, types: boolean, target: string): boolean => {
  const [from, to] = [roomOf(file), roomOf(target)]
  const allowed = mayImport[from] ?? []
  const place = relative('lib', target)
  return from === to || allowed.includes(to) || allowed.includes(place) || (types && allowed.includes(`${to} (types)`))
}

test('there are files to look at, and imports in them', () => {
  expect(sources.length).toBeGreaterThan(20)
  expect(sources.flatMap(importsOf).length).toBeGreaterThan(20)
})

test('every room is in the table', () => {
  expect([...new Set(sources.map(roomOf))].filter((room) => mayImport[room] === undefined)).toEqual([])
})

test('a room imports only what the table allows', () => {
  const broken = sources.flatMap((file) =>
    importsOf(file)
      .filter(({ types, target }) => !isAllowed(file, types, target))
      .map(({ target }) => `${file} imports ${target}`),
  )
  expect(broken).toEqual([])
})

test('only the store has an AWS client, only the HTTP side has hono', () => {
  const importing = (name: RegExp, rooms: readonly string[]) =>
    sources.filter((file) => name.test(textOf(file)) && !rooms.includes(roomOf(file)))
  expect(importing(/(from |import\()'(@aws-sdk\/|aws4')/, ['store'])).toEqual([])
  expect(importing(/from '@?hono[/']/, ['http', 'functions', 'cli', 'wiring'])).toEqual([])
})

test('time, chance and timers are taken as arguments', () => {
  const source = /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|randomUUID|randomBytes)\b/
  expect(sources.filter((file) => !ownsTime.includes(file) && source.test(withoutComments(textOf(file))))).toEqual([])
})

test('nothing reads the environment but what starts things', () => {
  const starts = ['functions', 'cli', 'bench', 'wiring']
  const readers = sources.filter((file) => /process\.env\b/.test(withoutComments(textOf(file))))
  expect(readers.filter((file) => !starts.includes(roomOf(file)))).toEqual([])
})

test(`no file is longer than ${maxLines} lines`, () => {
  expect(everything.filter((file) => textOf(file).split('\n').length > maxLines + 1)).toEqual([])
})

test('no file or folder has a name that says nothing', () => {
  expect(everything.filter((file) => file.split('/').some((part) => forbiddenNames.test(part)))).toEqual([])
})

test('files are named in kebab-case and lie no deeper than their room', () => {
  const lists = ['lib/protocol/messages/', 'lib/broker/handlers/']
  expect(everything.filter((file) => !/^[a-z0-9/.-]+$/.test(file))).toEqual([])
  const deep = sources.filter((file) => !lists.some((list) => file.startsWith(list)))
  expect(deep.filter((file) => file.split('/').length > 3)).toEqual([])
})

const withoutComments = (text: string): string => text.replace(/\/\*.*?\*\/|(^|\s)\/\/[^\n]*/gs, '')
