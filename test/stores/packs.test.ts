import { spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { StoreSetupError } from '../../lib/store/items.ts'
import { DamagedPack, headOf, maxKeyBytes, recordAt } from '../../lib/store/pack-records.ts'
import { openPacks, type Packs } from '../../lib/store/packs.ts'

const quick = { fsync: false }
const oneFile = { packBytes: 1_000_000, movedBytes: 0, youngPacks: 1 }

describe('a record', () => {
  const body = Buffer.from('the body')
  const record = (key: string): Buffer => Buffer.concat([headOf(key, body.length), body])
  const readFrom = (bytes: Buffer) => (position: number, length: number) => {
    expect(position + length).toBeLessThanOrEqual(bytes.length)
    return bytes.subarray(position, position + length)
  }

  test.each(['', 'a', 't/0/wal/000000000012-k3J', 'é \u{1f600}', 'x'.repeat(maxKeyBytes)])(
    'of %.40j is read',
    (key) => {
      const bytes = Buffer.concat([Buffer.alloc(7, 1), record(key), Buffer.alloc(9, 1)])
      const found = recordAt(readFrom(bytes), 7, bytes.length)
      if (found === 'torn') throw new Error('torn')
      expect(found).toMatchObject({ key, isLive: true, position: 7, bodyBytes: body.length })
      expect(bytes.subarray(found.bodyPosition, found.bodyPosition + found.bodyBytes)).toEqual(body)
    },
  )

  test('of a key that is too long is not made', () => {
    expect(() => headOf('x'.repeat(maxKeyBytes + 1), 0)).toThrow(RangeError)
  })

  test('that ends early is torn, wherever it ends', () => {
    const whole = record('t/0/wal/1')
    for (let length = 0; length < whole.length; length++) {
      const bytes = whole.subarray(0, length)
      expect(recordAt(readFrom(bytes), 0, bytes.length)).toBe('torn')
    }
  })

  test('of zeros is torn: its bytes never reached the disk', () => {
    expect(recordAt(readFrom(Buffer.alloc(100)), 0, 100)).toBe('torn')
  })

  test('with any other bit in its header or key is recognised', () => {
    const whole = record('t/0/wal/1')
    for (let bit = 0; bit < (whole.length - body.length) * 8; bit++) {
      const bytes = Buffer.from(whole)
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      expect(() => recordAt(readFrom(bytes), 0, bytes.length), `bit ${bit}`).toThrow(DamagedPack)
    }
  })
})

describe('opened again', () => {
  test('a pack that was cut anywhere in its last records has those before them, and takes new ones', async () => {
    const folder = folderForTest()
    const [first, second] = [bodyOf('t/first', 50), bodyOf('t/second', 30)]
    await inPacks(folder, async (packs) => {
      await packs.put('t/first', [first])
      await packs.put('t/second', [second])
    })
    const [name = ''] = readdirSync(folder)
    const whole = readFileSync(join(folder, name))
    const firstBytes = headOf('t/first', 50).length + 50
    for (let sizeBytes = 0; sizeBytes <= whole.length; sizeBytes++) {
      writeFileSync(join(folder, name), whole)
      truncateSync(join(folder, name), sizeBytes)
      const model = new Map<string, Buffer>()
      if (sizeBytes >= firstBytes) model.set('t/first', first)
      if (sizeBytes >= whole.length) model.set('t/second', second)
      await inPacks(folder, async (packs) => {
        await expectExactly(packs, model)
        await packs.put('t/third', [bodyOf('t/third', 5)])
      })
      model.set('t/third', bodyOf('t/third', 5))
      await inPacks(folder, (packs) => expectExactly(packs, model))
      for (const other of readdirSync(folder)) rmSync(join(folder, other))
    }
  })

  test('a damaged header is named, and nothing is changed', async () => {
    const folder = folderForTest()
    const keys = ['t/1', 't/2', 't/3']
    await inPacks(folder, async (packs) => {
      for (const key of keys) await packs.put(key, [bodyOf(key, 100)])
    })
    const path = join(folder, readdirSync(folder)[0] ?? '')
    const recordBytes = headOf('t/1', 100).length + 100
    for (const [index] of keys.entries()) {
      const whole = readFileSync(path)
      overwrite(path, index * recordBytes + 9, 77)
      const damaged = readFileSync(path)
      expect(() => openPacks(folder, quick)).toThrow(StoreSetupError)
      expect(() => openPacks(folder, quick)).toThrow(`${path} is damaged at byte ${index * recordBytes}: put back`)
      expect(readFileSync(path)).toEqual(damaged)
      writeFileSync(path, whole)
    }
  })

  test('of an object in two packs the later counts, and neither comes back when it is deleted', async () => {
    const folder = folderForTest()
    const record = (text: string) => Buffer.concat([headOf('t/k', 3), Buffer.from(text)])
    writeFileSync(join(folder, '000000000001.pack'), record('old'))
    writeFileSync(join(folder, '000000000002.pack'), Buffer.concat([record('mid'), record('new')]))
    await inPacks(folder, async (packs) => {
      await expectExactly(packs, new Map([['t/k', Buffer.from('new')]]))
      packs.delete('t/k')
    })
    await inPacks(folder, (packs) => expectExactly(packs, new Map()))
  })

  test('20,000 objects are where they were, but for the deleted ones', async () => {
    const folder = folderForTest()
    const model = new Map<string, Buffer>()
    await inPacks(folder, async (packs) => {
      for (let index = 0; index < 20_000; index++) {
        const key = `t/${index % 7}/wal/${index}`
        await packs.put(key, [bodyOf(key, index % 300)])
        if (index % 3 === 0) packs.delete(key)
        else model.set(key, bodyOf(key, index % 300))
      }
    })
    await inPacks(folder, (packs) => expectExactly(packs, model))
  })
})

describe('packs', () => {
  test('more parts than one write takes are one object', async () => {
    const parts = Array.from({ length: 3000 }, (_, index) => Buffer.from(`${index},`))
    await inPacks(folderForTest(), async (packs) => {
      await packs.put('k', [Buffer.alloc(0), ...parts])
      await expectExactly(packs, new Map([['k', Buffer.concat(parts)]]))
    })
  })

  test('a pack goes with its last object, and what is read at that moment is read to its end', async () => {
    const folder = folderForTest()
    const packs = openForTest(folder, { ...oneFile, packBytes: 1000 })
    for (const key of ['1', '2', '3', '4']) await packs.put(key, [bodyOf(key, 400)])
    expect(readdirSync(folder)).toHaveLength(2)
    packs.delete('1')
    const reading = packs.read('2', undefined)
    packs.delete('2')
    await until(() => readdirSync(folder).length === 1)
    expect(await reading).toEqual(bodyOf('2', 400))
    for (const key of ['3', '4']) packs.delete(key)
    // The newest stays until another is started.
    expect(readdirSync(folder)).toHaveLength(1)
    await packs.put('5', [bodyOf('5', 400)])
    await until(() => readdirSync(folder).join() === '000000000003.pack')
    await expectExactly(packs, new Map([['5', bodyOf('5', 400)]]))
  })

  test('a delete in a pack of another start holds', async () => {
    const folder = folderForTest()
    for (const key of ['a', 'b', 'c']) {
      await inPacks(folder, (packs) => packs.put(key, [bodyOf(key, 800)]), { ...oneFile, packBytes: 1000 })
    }
    await inPacks(folder, async (packs) => packs.delete('a'))
    await inPacks(folder, async (packs) => packs.put('a', [bodyOf('a', 9)]))
    await inPacks(folder, async (packs) => packs.delete('b'))
    const model = new Map([
      ['a', bodyOf('a', 9)],
      ['c', bodyOf('c', 800)],
    ])
    await inPacks(folder, (packs) => expectExactly(packs, model))
  })

  test.each([false, true])('little that lives on in old packs is moved, and they go (fsync %j)', async (fsync) => {
    const folder = folderForTest()
    const limits = { packBytes: 10_000, movedBytes: 2000, youngPacks: 2 }
    const packs = openForTest(folder, limits, fsync)
    const model = new Map<string, Buffer>()
    const put = async (key: string, sizeBytes: number) => {
      model.set(key, bodyOf(key, sizeBytes))
      await packs.put(key, [bodyOf(key, sizeBytes)])
    }
    await put('checkpoint', 500)
    const oldest = join(folder, '000000000001.pack')
    const kept = join(folderForTest(), 'kept')
    linkSync(oldest, kept)
    for (let index = 0; index < 100; index++) {
      await nextTurn()
      await put(`wal/${index}`, 3000)
      if (index < 5) continue
      packs.delete(`wal/${index - 5}`)
      model.delete(`wal/${index - 5}`)
    }
    await until(() => readdirSync(folder).length <= 6)
    await until(() => !existsSync(oldest))
    await expectExactly(packs, model)
    packs.delete('checkpoint')
    model.delete('checkpoint')
    packs[Symbol.dispose]()
    // As if the process had been killed before the old pack was unlinked.
    linkSync(kept, oldest)
    await inPacks(folder, (again) => expectExactly(again, model), limits)
  })
})

/**
 * A file system shows a killed process's writes in their order, so that a copy of the folder taken between two of them
 * is what a kill would leave; moves run between the steps, and the copies hit them.
 */
test.each(Array.from({ length: 8 }, (_, seed) => seed))(
  'whenever it ends, exactly what was told is there (seed %d)',
  async (seed) => {
    const limits = { packBytes: 2000, movedBytes: 900, youngPacks: 1 + (seed % 3) }
    const random = randomFrom(seed)
    const folder = folderForTest()
    const copies = folderForTest()
    const fsync = seed % 4 === 0
    const model = new Map<string, Buffer>()
    let packs = openForTest(folder, limits, fsync)
    for (let step = 0; step < 400; step++) {
      const key = `t/${random(3)}/${random(40)}`
      const choice = random(20)
      if (model.has(key) && choice < 17) {
        packs.delete(key)
        model.delete(key)
      } else if (!model.has(key)) {
        const body = bodyOf(`${key} ${step}`, random(600))
        await packs.put(key, [body])
        model.set(key, body)
      }
      if (choice >= 16) await nextTurn()
      if (choice === 19) await expectExactly(packs, model)
      if (step % 10 === 0) {
        const copy = join(copies, String(step))
        copyPacks(folder, copy)
        await inPacks(copy, (again) => expectExactly(again, model), limits)
        await inPacks(copy, (again) => expectExactly(again, model), limits)
      }
      if (random(60) === 0) {
        packs[Symbol.dispose]()
        packs = openForTest(folder, limits, fsync)
      }
    }
    await expectExactly(packs, model)
  },
)

test('a process killed while it puts, deletes and moves keeps what it was told, and only that', async () => {
  const folder = folderForTest()
  const limits = { packBytes: 100_000, movedBytes: 30_000, youngPacks: 2 }
  const module = new URL('../../lib/store/packs.ts', import.meta.url).href
  const child = spawn(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { openPacks } from ${JSON.stringify(module)}
     import { writeSync } from 'node:fs'
     const packs = openPacks(${JSON.stringify(folder)}, { fsync: false }, ${JSON.stringify(limits)})
     for (let seq = 0; ; seq++) {
       await packs.put('t/' + seq, [Buffer.alloc(3000 + seq % 1000, seq % 251)])
       writeSync(1, 'put ' + seq + '\\n')
       if (seq % 20 === 0 || seq < 20) continue
       writeSync(1, 'deleting ' + (seq - 10) + '\\n')
       if (packs.has('t/' + (seq - 10))) packs.delete('t/' + (seq - 10))
       writeSync(1, 'deleted ' + (seq - 10) + '\\n')
       if (seq % 8 === 0) await new Promise((resolve) => setImmediate(resolve))
     }`,
  ])
  let output = ''
  const errors: string[] = []
  child.stderr.on('data', (text) => errors.push(String(text)))
  await new Promise<void>((resolve) => {
    child.on('close', () => resolve())
    child.stdout.on('data', (text) => {
      output += text
      if (output.length > 60_000) child.kill('SIGKILL')
    })
  })
  const told = (word: string) =>
    new Set([...output.matchAll(new RegExp(`^${word} (\\d+)\\n`, 'gm'))].map((found) => Number(found[1])))
  const [put, deleting, deleted] = [told('put'), told('deleting'), told('deleted')]
  expect(put.size, errors.join('')).toBeGreaterThan(500)
  await inPacks(folder, async (packs) => {
    for (const seq of put) {
      if (deleting.has(seq)) continue
      const body = await packs.read(`t/${seq}`, undefined)
      expect(body.equals(Buffer.alloc(3000 + (seq % 1000), seq % 251)), `object ${seq}`).toBe(true)
    }
    for (const seq of deleted) expect(packs.has(`t/${seq}`), `object ${seq}`).toBe(false)
    const dying = [...deleting].filter((seq) => !deleted.has(seq)).length
    expect(packs.keysBelow('').length).toBeLessThanOrEqual(put.size - deleted.size + dying + 1)
  })
})

const folderForTest = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'wadi-packs-'))
  onTestFinished(() => rmSync(folder, { recursive: true, maxRetries: 3 }))
  return folder
}

const openForTest = (folder: string, limits = oneFile, fsync = false): Packs => {
  const packs = openPacks(folder, { fsync }, limits)
  onTestFinished(() => packs[Symbol.dispose]())
  return packs
}

const inPacks = async (folder: string, use: (packs: Packs) => Promise<void>, limits = oneFile): Promise<void> => {
  using packs = openPacks(folder, quick, limits)
  await use(packs)
}

const expectExactly = async (packs: Packs, model: ReadonlyMap<string, Buffer>): Promise<void> => {
  expect(packs.keysBelow('').toSorted()).toEqual([...model.keys()].toSorted())
  for (const [key, body] of model) {
    expect((await packs.read(key, undefined)).equals(body), key).toBe(true)
    expect(packs.listed(key)?.sizeBytes).toBe(body.length)
  }
}

/** Bytes that no other key has. */
const bodyOf = (key: string, length: number): Buffer => Buffer.alloc(length, `${key} `)

const overwrite = (path: string, position: number, byte: number): void => {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.of(byte), 0, 1, position)
  closeSync(file)
}

const until = async (condition: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 500 && !condition(); tries++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(condition()).toBe(true)
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const copyPacks = (from: string, to: string): void => {
  mkdirSync(to)
  for (const name of readdirSync(from)) {
    // One without a live object may be gone by now.
    if (existsSync(join(from, name))) writeFileSync(join(to, name), readFileSync(join(from, name)))
  }
}

const randomFrom = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
