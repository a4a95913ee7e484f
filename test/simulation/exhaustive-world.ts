import { Contents, saysLabel, saysTail } from './exhaustive-contents.ts'
import type { Node, Processes, Task } from './exhaustive-process.ts'
import type { Answer, Call, Told } from './exhaustive-replay.ts'

/** Everything there is at one moment, in numbers of `Contents` and `Processes`: equal numbers, equal worlds. */
export type World = {
  readonly time: number
  /** The put that stands in each slot, from 1 on; −1: none. */
  readonly slots: readonly number[]
  /** The first put that was stored in each slot: what the log is. */
  readonly truth: readonly number[]
  readonly item: number
  readonly objects: readonly number[]
  /** Puts and replacements that were sent: each may be applied at any later moment, any number of times. */
  readonly sent: readonly number[]
  readonly replacements: readonly number[]
  /** Appends that were acknowledged. */
  readonly acknowledged: readonly number[]
  readonly processes: readonly ProcessState[]
}

export type ProcessState = { readonly task: number; readonly view: number; readonly node: number }

/** Told when it is wanted: most steps are never told. */
type Says = () => string

export type Step = {
  readonly says: Says
  readonly to: World
  readonly violation: string | undefined
}

export type Bounds = {
  readonly maxTime: number
  /** Also asked: nothing is deleted or written over above the floor, and checkpoints are folds. Not of mutants: there what clients see counts. */
  readonly strict: boolean
  /** A process may also do several things in one step: for short stories, no more worlds are reached. */
  readonly inOneGo: boolean
  /** Uploads and reads of objects take no time: sound where no object is ever deleted. */
  readonly objectsStay: boolean
}

class Violation extends Error {}

export const keyOf = (world: World): string => {
  const { time, item, slots, truth, objects, sent, replacements, acknowledged, processes } = world
  const lists = [slots, truth, objects, sent, replacements, acknowledged].map((list) => list.join(' ')).join('/')
  return `${time}/${item}/${lists}/${processes.map((p) => `${p.task} ${p.view} ${p.node}`).join('/')}`
}

/** All that can happen next in a world. */
export class Steps {
  readonly #processes: Processes
  readonly #contents = new Contents()
  readonly #bounds: Bounds
  #steps: Step[] = []

  constructor(processes: Processes, bounds: Bounds) {
    this.#processes = processes
    this.#bounds = bounds
  }

  first(): World {
    const processes = this.#processes.names.map(() => ({ task: 0, view: -1, node: -1 }))
    const lists = { slots: [], truth: [], objects: [], sent: [], replacements: [], acknowledged: [] }
    return { time: 0, item: this.#contents.firstItem, ...lists, processes }
  }

  async from(world: World): Promise<readonly Step[]> {
    for (;;) {
      this.#steps = []
      this.#all(world)
      if (!this.#processes.hasMissing) return this.#steps
      await this.#processes.findOut()
    }
  }

  #all(world: World): void {
    if (world.time < this.#bounds.maxTime) {
      this.#steps.push({ says: () => 'time passes', to: { ...world, time: world.time + 1 }, violation: undefined })
    }
    for (const number of world.sent) {
      const put = this.#contents.put(number)
      if ((world.slots[put.slot - 1] ?? -1) >= 0) continue
      this.#step(
        () => `the store applies an earlier request: ${put.says}`,
        () => this.#store(world, number),
      )
    }
    for (const number of world.replacements) {
      const { version, says } = this.#contents.replacement(number)
      if (version !== this.#contents.item(world.item).version) continue
      this.#step(
        () => `the store applies an earlier request: ${says}`,
        () => this.#replace(world, number),
      )
    }
    for (const [index, process] of world.processes.entries()) {
      if (this.#bounds.inOneGo) this.#alone(world, index)
      const says: Says[] = []
      this.#step(
        () => saysAll(says),
        () => this.#next(world, index, says),
      )
      if (process.node >= 0) this.#unanswered(world, index, this.#processes.node(process.node))
    }
  }

  /**
   * A process goes on while nothing else happens, until it is about to write, or until it is done. Leads nowhere that
   * single steps do not lead to as well: it only makes stories short.
   */
  #alone(world: World, index: number): void {
    for (const mayWrite of [false, true]) {
      const says: Says[] = []
      this.#step(
        () => saysAll(says),
        () => {
          let now = this.#next(world, index, says)
          let steps = 1
          for (;;) {
            const call = now && this.#callOf(now, index)
            if (now === undefined || call === undefined) break
            if (!mayWrite && isWrite(call)) {
              says.push(() => `and has yet to: ${this.#contents.saysCall(call)}`)
              break
            }
            // What is only read is left out of the story.
            now = this.#next(now, index, isWrite(call) ? says : [])
            steps += 1
          }
          return steps > 1 ? now : undefined
        },
      )
    }
  }

  #callOf(world: World, index: number): Call | undefined {
    const { node } = world.processes[index] ?? { node: -1 }
    const asked = node < 0 ? undefined : this.#processes.node(node).asked
    return asked && 'call' in asked ? asked.call : undefined
  }

  #next(world: World, index: number, says: Says[]): World | undefined {
    const process = world.processes[index]
    if (process === undefined) return undefined
    const name = this.#processes.names[index]
    if (process.node < 0) {
      const task = this.#taskOf(world, index, process)
      if (task === undefined) return undefined
      says.push(() => `${name} starts: ${task.says}`)
      return this.#reach(world, index, this.#processes.start(index, process.task, process.view, world.time))
    }
    const node = this.#processes.node(process.node)
    if (!('call' in node.asked)) return undefined
    const { call } = node.asked
    const isFirst = says.length === 0
    says.push(() => `${isFirst ? `${name}: ` : ''}${this.#contents.saysCall(call)}`)
    return this.#answered(world, index, node, call)
  }

  #taskOf(world: World, index: number, process: ProcessState): Task | undefined {
    const task = this.#processes.tasks[index]?.[process.task]
    return task?.needs.every((label) => world.acknowledged.includes(label)) ? task : undefined
  }

  #step(says: Says, go: () => World | undefined): void {
    try {
      const to = go()
      if (to !== undefined) this.#steps.push({ says, to, violation: undefined })
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      this.#steps.push({ says, to: this.first(), violation: error.message })
    }
  }

  #unanswered(world: World, index: number, node: Node): void {
    if (!('call' in node.asked) || node.asked.call.of !== 'put') return
    const name = this.#processes.names[index]
    const answer: Answer = { of: 'put', put: { outcome: 'unknown', cause: 'lost' } }
    const hears = (key: string) => () =>
      this.#reach(world, index, this.#processes.answer(node, key, answer, world.time))
    // Between two times a repeated put changes nothing but what is on the way already.
    if (world.time > node.time) this.#step(() => `${name}: hears nothing, and puts again`, hears('again'))
    this.#step(() => `${name}: hears nothing, and gives up`, hears('gave up'))
  }

  #answered(world: World, index: number, node: Node, call: Call): World | undefined {
    const { to, key, answer } = this.#perform(world, call)
    return this.#reach(to, index, this.#processes.answer(node, key, answer, world.time))
  }

  /** The world once a process is at a node: its next request is on the way, or what it was asked to do is done. */
  #reach(world: World, index: number, node: Node | undefined): World | undefined {
    if (node === undefined) return undefined
    const { asked } = node
    if ('ended' in asked) {
      const { view, told } = asked.ended
      const acknowledged = [...world.acknowledged]
      for (const one of told) {
        this.#checkTold(world, one)
        if (one.told === 'appended' && !acknowledged.includes(one.label)) acknowledged.push(one.label)
      }
      this.#checkView(world, this.#processes.viewNumber(view))
      const state = { task: node.task + 1, view: this.#processes.viewNumber(view), node: -1 }
      const needed = acknowledged.filter((label) => this.#isNeeded(label)).toSorted()
      return { ...world, acknowledged: needed, processes: world.processes.with(index, state) }
    }
    const { call } = asked
    const reached = {
      ...world,
      processes: world.processes.with(index, { task: node.task, view: -1, node: node.number }),
    }
    if (call.of === 'put') {
      const sent = this.#contents.putNumber(call)
      return world.sent.includes(sent) ? reached : { ...reached, sent: [...world.sent, sent].toSorted(ascending) }
    }
    if (call.of === 'replace') {
      const number = this.#contents.replacementNumber(call)
      return { ...reached, replacements: [...new Set([...world.replacements, number])].toSorted(ascending) }
    }
    if (this.#bounds.objectsStay && (call.of === 'upload' || call.of === 'read')) {
      return this.#answered(reached, index, node, call)
    }
    return reached
  }

  #isNeeded(label: number): boolean {
    return this.#processes.tasks.some((tasks) => tasks.some(({ needs }) => needs.includes(label)))
  }

  #perform(world: World, call: Call): { readonly to: World; readonly key: string; readonly answer: Answer } {
    const contents = this.#contents
    switch (call.of) {
      case 'put': {
        const by = world.slots[call.slot - 1] ?? -1
        const number = contents.putNumber(call)
        if (by < 0) {
          return { to: this.#store(world, number), key: 'stored', answer: { of: 'put', put: { outcome: 'stored' } } }
        }
        const put = { outcome: 'taken', by: contents.put(by).item } as const
        return { to: world, key: `taken ${by}`, answer: { of: 'put', put } }
      }
      case 'rows': {
        const found = world.slots.filter((number, i) => number >= 0 && i + 1 > call.after && i + 1 < call.before)
        const items = found.map((number) => contents.put(number).item)
        return { to: world, key: `rows ${found.join(' ')}`, answer: { of: 'rows', page: { items, end: true } } }
      }
      case 'item': {
        const { item } = contents.item(world.item)
        return { to: world, key: `item ${world.item}`, answer: { of: 'item', item } }
      }
      case 'replace': {
        const number = contents.replacementNumber(call)
        if (call.version === contents.item(world.item).version) {
          const to = this.#replace(world, number)
          return { to, key: 'stored', answer: { of: 'replace', replace: { outcome: 'stored' } } }
        }
        const current = contents.item(world.item).item
        return {
          to: world,
          key: `conflict ${world.item}`,
          answer: { of: 'replace', replace: { outcome: 'conflict', current } },
        }
      }
      case 'delete row':
        return { to: this.#deleteRow(world, call.slot), key: 'done', answer: { of: 'done' } }
      case 'upload': {
        const objects = [...world.objects, contents.objectNumber(call)].toSorted(ascending)
        return { to: { ...world, objects }, key: 'done', answer: { of: 'done' } }
      }
      case 'read': {
        const number = world.objects.find((object) => contents.object(object).name === call.name)
        if (number === undefined) return { to: world, key: 'none', answer: { of: 'read', bytes: undefined } }
        const { bytes } = contents.object(number)
        const { position, length } = call.range ?? { position: 0, length: bytes.length }
        const part = bytes.subarray(position, position + length)
        return { to: world, key: `read ${number}`, answer: { of: 'read', bytes: part } }
      }
      case 'delete object': {
        const objects = world.objects.filter((object) => contents.object(object).name !== call.name)
        const to = { ...world, objects }
        this.#checkNames(to)
        return { to, key: 'done', answer: { of: 'done' } }
      }
      case 'list': {
        const found = world.objects
          .map((number) => contents.object(number))
          .filter(({ name }) => name.startsWith(call.prefix) && name > call.after)
          .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        const objects = found.map(({ name, bytes }) => ({ key: name, sizeBytes: bytes.length, modifiedMs: 0 }))
        return { to: world, key: `list ${found.map(({ name }) => name).join(' ')}`, answer: { of: 'list', objects } }
      }
    }
  }

  #store(world: World, number: number): World {
    const { slot } = this.#contents.put(number)
    const slots = Array.from({ length: Math.max(slot, world.slots.length) }, (_, i) => world.slots[i] ?? -1)
    const stored = { ...world, slots: slots.with(slot - 1, number) }
    if (slot <= world.truth.length) {
      const { floor } = this.#contents.item(world.item)
      if (this.#bounds.strict && slot > floor) throw new Violation(`row ${slot} is above the floor and stored again`)
      return stored
    }
    if (slot > world.truth.length + 1) throw new Violation(`row ${slot} is stored before row ${world.truth.length + 1}`)
    const to = { ...stored, truth: [...world.truth, number] }
    const labels = this.#contents.log(to.truth).labels
    const twice = labels.find((label, i) => labels.indexOf(label) < i)
    if (twice !== undefined) throw new Violation(`${saysLabel(twice)} is in the log twice: ${labels.map(saysLabel)}`)
    this.#checkNames(to)
    return to
  }

  #replace(world: World, number: number): World {
    const { item } = this.#contents.replacement(number)
    const next = this.#contents.item(item)
    const now = this.#contents.item(world.item)
    if (this.#bounds.strict) {
      if (next.seq < now.seq || next.floor < now.floor || next.floor > next.seq) {
        throw new Violation(`the checkpoint item goes from ${now.says} to ${next.says}`)
      }
      const object = world.objects.map((o) => this.#contents.object(o)).find(({ name }) => name === next.object)
      const expected = this.#contents.log(world.truth.slice(0, next.seq))
      if (object === undefined || !object.bytes.equals(expected.encoded)) {
        throw new Violation(`the checkpoint at ${next.seq} is not the fold of the rows`)
      }
    }
    const to = { ...world, item }
    // A version comes once: what was sent with an older one has no effect any more.
    return {
      ...to,
      replacements: world.replacements.filter((r) => this.#contents.replacement(r).version >= next.version),
    }
  }

  #deleteRow(world: World, slot: number): World {
    const { floor } = this.#contents.item(world.item)
    if (this.#bounds.strict && slot > floor) throw new Violation(`row ${slot} is deleted above the floor ${floor}`)
    return { ...world, slots: world.slots.map((number, i) => (i + 1 === slot ? -1 : number)) }
  }

  #checkView(world: World, number: number): void {
    const view = this.#processes.view(number)
    if (view === undefined) return
    const known = this.#contents.encodedView(number, view.state)
    const { seq } = view.state
    const log = this.#contents.log(world.truth.slice(0, seq))
    if (seq <= world.truth.length && known.equals(log.encoded)) return
    throw new Violation(`a view of ${seq} rows has '${saysTail(view.state)}', the log '${saysTail(log.state)}'`)
  }

  #checkTold(world: World, told: Told): void {
    const { labels } = this.#contents.log(world.truth)
    switch (told.told) {
      case 'appended':
        if (labels[told.offset] === told.label) return
        throw new Violation(`${saysLabel(told.label)} is acknowledged at ${told.offset} of ${labels.map(saysLabel)}`)
      case 'refused':
        throw new Violation(`${saysLabel(told.label)} is refused: ${told.error}`)
      case 'read':
        if (told.labels.every((label, i) => labels[i] === label)) return
        throw new Violation(`a reader got ${told.labels.map(saysLabel)} of ${labels.map(saysLabel)}`)
      case 'broken':
        throw new Violation(told.message)
    }
  }

  /** Everything that the log names exists. */
  #checkNames(world: World): void {
    if (this.#bounds.objectsStay) return
    const { names } = this.#contents.log(world.truth)
    const present = new Set(world.objects.map((object) => this.#contents.object(object).name))
    const { object } = this.#contents.item(world.item)
    const missing = [...names, ...(object === '' ? [] : [object])].find((name) => !present.has(name))
    if (missing !== undefined) throw new Violation(`${missing} is named and does not exist`)
  }
}

const isWrite = ({ of }: Call): boolean => !['rows', 'item', 'read', 'list'].includes(of)

const saysAll = (says: readonly Says[]): string => says.map((say) => say()).join(', ')

const ascending = (a: number, b: number): number => a - b
