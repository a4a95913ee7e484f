import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openFolder } from '../../lib/store/folder.ts'
import { StoreSetupError } from '../../lib/store/items.ts'
import { itemsContract } from './items.contract.ts'
import { objectsContract } from './objects.contract.ts'

const makeFolder = (): string => mkdtempSync(join(tmpdir(), 'wadi-store-'))

for (const fsync of [false, true]) {
  const open = async () => {
    const folder = makeFolder()
    const stores = openFolder(folder, { fsync })
    const close = async (): Promise<void> => {
      stores[Symbol.dispose]()
      rmSync(folder, { recursive: true })
    }
    return { ...stores, close }
  }
  itemsContract(`SQLite${fsync ? ' with fsync' : ''}`, open)
  objectsContract(`files${fsync ? ' with fsync' : ''}`, open)
}

const folderForTest = (): string => {
  const folder = makeFolder()
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

const durable = { fsync: false }
const module = new URL('../../lib/store/folder.ts', import.meta.url).href

test('what was stored is there when the folder is opened again', async () => {
  const folder = folderForTest()
  const key = { partition: 'p', sort: 's' }
  {
    using stores = openFolder(folder, durable)
    await stores.items.putIfAbsent(key, { attempt: 'a', body: Buffer.from('item') })
    await stores.objects.putIfAbsent('t/0/wal/1', [Buffer.from('object')])
  }
  using stores = openFolder(folder, durable)
  expect((await stores.items.get(key, { consistent: true }))?.body.toString()).toBe('item')
  expect((await stores.objects.read('t/0/wal/1')).toString()).toBe('object')
})

test('a process killed while it writes has lost nothing it was told is stored, and left no half of anything', async () => {
  const folder = folderForTest()
  const child = spawn(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { openFolder } from ${JSON.stringify(module)}
     const { items, objects } = openFolder(${JSON.stringify(folder)}, { fsync: false })
     for (let seq = 100000; ; seq++) {
       await objects.putIfAbsent('t/0/wal/' + seq, [Buffer.alloc(200000, seq % 251), Buffer.alloc(1, 255)])
       await items.putIfAbsent({ partition: 'p', sort: String(seq) }, { attempt: 'a', body: Buffer.alloc(500, seq % 251) })
       process.stdout.write(seq + '\\n')
     }`,
  ])
  let output = ''
  const errors: string[] = []
  child.stderr.on('data', (text) => errors.push(String(text)))
  await new Promise<void>((resolve) => {
    child.on('exit', () => resolve())
    child.stdout.on('data', (text) => {
      output += text
      if (output.split('\n').length > 200) child.kill('SIGKILL')
    })
  })
  const acknowledged = output.split('\n').slice(0, -1)
  expect(acknowledged.length, errors.join('')).toBeGreaterThan(100)
  using stores = openFolder(folder, durable)
  for (const seq of acknowledged) {
    const item = await stores.items.get({ partition: 'p', sort: seq }, { consistent: true })
    expect(item?.body.equals(Buffer.alloc(500, Number(seq) % 251))).toBe(true)
  }
  const listed = await stores.objects.list('t/', '')
  expect(listed.length).toBeGreaterThanOrEqual(acknowledged.length)
  for (const { key } of listed) {
    const bytes = await stores.objects.read(key)
    expect(bytes.length).toBe(200_001)
    expect(bytes[0]).toBe(Number(key.slice(-6)) % 251)
    expect(bytes[200_000]).toBe(255)
  }
  expect(readdirSync(join(folder, 'tmp'))).toEqual([])
})

test('a folder that is open says who has it; closed, it can be opened again', () => {
  const folder = folderForTest()
  const first = openFolder(folder, durable)
  expect(() => openFolder(folder, durable)).toThrow(StoreSetupError)
  expect(() => openFolder(folder, durable)).toThrow(
    `is in use by process ${process.pid}: stop that one, or name another`,
  )
  const other = spawnSync(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { openFolder } from ${JSON.stringify(module)}; openFolder(${JSON.stringify(folder)}, { fsync: false })`,
  ])
  expect(other.status).not.toBe(0)
  expect(String(other.stderr)).toContain(`in use by process ${process.pid}`)
  first[Symbol.dispose]()
  first[Symbol.dispose]()
  openFolder(folder, durable)[Symbol.dispose]()
})

test('a folder of a newer format is left alone', () => {
  const folder = folderForTest()
  openFolder(folder, durable)[Symbol.dispose]()
  writeFileSync(join(folder, 'format'), '2\n')
  const before = readdirSync(folder)
  expect(() => openFolder(folder, durable)).toThrow(/has format 2, this build knows 1: start the build that wrote it/)
  expect(() => openFolder(folder, durable)).toThrow(StoreSetupError)
  expect(readdirSync(folder)).toEqual(before)
})

test('a folder with something else in it is left alone', () => {
  const folder = folderForTest()
  writeFileSync(join(folder, 'letter.txt'), 'dear reader')
  expect(() => openFolder(folder, durable)).toThrow(/holds letter\.txt and is not one of ours: name an empty folder/)
  expect(readdirSync(folder)).toEqual(['letter.txt'])
})

test('a first start that ended early is gone over', () => {
  const folder = folderForTest()
  for (const name of ['lock', 'owner', 'format.new']) writeFileSync(join(folder, name), '')
  openFolder(folder, durable)[Symbol.dispose]()
})

test('a folder that cannot be written says so', () => {
  const folder = folderForTest()
  writeFileSync(join(folder, 'file'), '')
  const below = join(folder, 'file', 'data')
  expect(() => openFolder(below, durable)).toThrow(StoreSetupError)
  expect(() => openFolder(below, durable)).toThrow(/cannot write to the folder .*make it writable, or name another/)
})

test('more files are read than stay open, and a deleted one is let go', async () => {
  const folder = folderForTest()
  using stores = openFolder(folder, durable)
  const keys = Array.from({ length: 300 }, (_, index) => `t/0/wal/${index}`)
  for (const key of keys) await stores.objects.putIfAbsent(key, [Buffer.from(key)])
  const read = await Promise.all(keys.map((key) => stores.objects.read(key, { position: 0, length: key.length })))
  expect(read.map(String)).toEqual(keys)
})

test('leftovers of a killed process are removed', () => {
  const folder = folderForTest()
  openFolder(folder, durable)[Symbol.dispose]()
  mkdirSync(join(folder, 'tmp'), { recursive: true })
  writeFileSync(join(folder, 'tmp', '17'), 'half')
  openFolder(folder, durable)[Symbol.dispose]()
  expect(readdirSync(join(folder, 'tmp'))).toEqual([])
})
