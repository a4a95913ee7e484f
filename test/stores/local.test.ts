import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { objectFiles } from '../../lib/store/files.ts'
import { openFolder } from '../../lib/store/folder.ts'
import { StoreSetupError } from '../../lib/store/items.ts'
import { localObjects } from '../../lib/store/local-objects.ts'
import { maxListedObjects, ObjectNotFound } from '../../lib/store/objects.ts'
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
  objectsContract(`packs and files${fsync ? ' with fsync' : ''}`, open)
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
       const sizeBytes = seq % 10 === 0 ? 1500000 : 200000
       await objects.putIfAbsent('t/0/wal/' + seq, [Buffer.alloc(sizeBytes, seq % 251), Buffer.alloc(1, 255)])
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
    const seq = Number(key.slice(-6))
    const sizeBytes = seq % 10 === 0 ? 1_500_000 : 200_000
    expect(bytes.length).toBe(sizeBytes + 1)
    expect(bytes.subarray(0, -1).equals(Buffer.alloc(sizeBytes, seq % 251))).toBe(true)
    expect(bytes.at(-1)).toBe(255)
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
  using files = objectFiles(folderForTest(), durable)
  const keys = Array.from({ length: 300 }, (_, index) => `t/0/seg/${index}`)
  for (const key of keys) await files.put(key, [Buffer.from(key)], () => false)
  const read = await Promise.all(keys.map((key) => files.read(key, { position: 0, length: key.length })))
  expect(read.map(String)).toEqual(keys)
  for (const key of keys) files.delete(key)
  await expect(files.read('t/0/seg/299', undefined)).rejects.toThrow(ObjectNotFound)
})

const small = Buffer.alloc(1000, 's')
const large = Buffer.alloc(1_500_000, 'l')
const isFile = (folder: string, key: string): boolean => existsSync(join(folder, 'objects', key))

test('small objects share a file, a large one has its own', async () => {
  const folder = folderForTest()
  using stores = openFolder(folder, durable)
  for (let index = 0; index < 10; index++) await stores.objects.putIfAbsent(`t/0/wal/${index}`, [small])
  await stores.objects.putIfAbsent('t/0/seg/1', [large])
  expect(readdirSync(join(folder, 'packs'))).toHaveLength(1)
  expect(isFile(folder, 't/0/seg/1')).toBe(true)
  expect(isFile(folder, 't/0/wal/1')).toBe(false)
})

test.each([
  ['a small and then a large', [small, large]],
  ['a large and then a small', [large, small]],
  ['many of both', [large, small, large, small, small, large]],
])('of %s object under one key exactly one is stored', async (_, bodies) => {
  const folder = folderForTest()
  const stores = openFolder(folder, durable)
  const outcomes = await Promise.all(bodies.map((body) => stores.objects.putIfAbsent('t/0/wal/1', [body])))
  expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1)
  for (const body of bodies) expect(await stores.objects.putIfAbsent('t/0/wal/1', [body])).toBe('taken')
  stores[Symbol.dispose]()
  using again = openFolder(folder, durable)
  expect((await again.objects.read('t/0/wal/1')).equals(bodies[outcomes.indexOf('stored')] ?? small)).toBe(true)
  await again.objects.delete('t/0/wal/1')
  expect(await again.objects.list('', '')).toEqual([])
})

test('a list has both kinds in their order, page after page', async () => {
  const folder = folderForTest()
  const keys = Array.from({ length: maxListedObjects + 50 }, (_, index) => `t/0/wal/${100_000 + index}`)
  {
    using files = objectFiles(folder, durable)
    for (const key of keys.filter((_, index) => index % 2 === 0)) await files.put(key, [small], () => false)
  }
  using objects = localObjects(folder, durable)
  for (const key of keys) expect(await objects.putIfAbsent(key, [small])).toBe(isFile(folder, key) ? 'taken' : 'stored')
  const first = await objects.list('t/0/', '')
  const second = await objects.list('t/0/', first.at(-1)?.key ?? '')
  expect([...first, ...second].map((object) => object.key)).toEqual(keys)
  expect(first).toHaveLength(maxListedObjects)
  // These were the next page.
  for (const key of keys.slice(-50)) await objects.delete(key)
  expect(await objects.list('t/0/', first.at(-1)?.key ?? '')).toEqual([])
})

test('leftovers of a killed process are removed', () => {
  const folder = folderForTest()
  openFolder(folder, durable)[Symbol.dispose]()
  mkdirSync(join(folder, 'tmp'), { recursive: true })
  writeFileSync(join(folder, 'tmp', '17'), 'half')
  openFolder(folder, durable)[Symbol.dispose]()
  expect(readdirSync(join(folder, 'tmp'))).toEqual([])
})
