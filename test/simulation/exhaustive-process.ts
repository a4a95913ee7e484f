import type { LogJournal } from '../../lib/journal/lane.ts'
import type { View } from '../../lib/journal/view.ts'
import { logFold } from '../../lib/log/fold.ts'
import type { State } from '../../lib/log/state.ts'
import {
  type Answer,
  type Answered,
  type Asked,
  type Machine,
  outOfTime,
  replay,
  type Work,
} from './exhaustive-replay.ts'

/** One thing that a process does; it may start when the appends it needs were acknowledged to anybody. */
export type Task = { readonly says: string; readonly needs: readonly number[]; readonly work: Work }

/** A process in the middle of a task: what it was answered, and what that makes it ask. */
export type Node = {
  readonly number: number
  readonly process: number
  readonly task: number
  readonly view: View<State> | undefined
  readonly startedAt: number
  readonly answers: readonly Answered[]
  /** When the call that is asked was sent. */
  readonly time: number
  readonly asked: Asked
}

type KnownView = { readonly number: number; readonly view: View<State> }

export type Lie = (machine: Machine, says: string) => Machine
export type WorkLie = (work: Work, says: string) => Work

/** All processes that were ever met; what one asks next is found out once. */
export class Processes {
  readonly names: readonly string[]
  readonly tasks: readonly (readonly Task[])[]
  readonly #rules: LogJournal['rules']
  readonly #lie: Lie
  readonly #workLie: WorkLie
  readonly #nodes: Node[] = []
  readonly #numbers = new Map<string, Node>()
  readonly #views: KnownView[] = []
  readonly #viewNumbers = new Map<string, KnownView>()
  readonly #numbered = new WeakMap<View<State>, number>()
  #missing = new Map<string, Omit<Node, 'number' | 'asked'>>()

  constructor(
    processes: Readonly<Record<string, readonly Task[]>>,
    rules: LogJournal['rules'],
    lie: Lie,
    workLie: WorkLie,
  ) {
    this.names = Object.keys(processes)
    this.tasks = Object.values(processes)
    this.#rules = rules
    this.#lie = lie
    this.#workLie = workLie
  }

  node(number: number): Node {
    const node = this.#nodes[number]
    if (node === undefined) throw new Error('a node that was never made')
    return node
  }

  view(number: number): View<State> | undefined {
    return this.#views[number]?.view
  }

  /** −1 for none. */
  viewNumber(view: View<State> | undefined): number {
    if (view === undefined) return -1
    const number = this.#numbered.get(view) ?? this.#numberOf(view)
    this.#numbered.set(view, number)
    return number
  }

  #numberOf(view: View<State>): number {
    const key = `${view.sure}/${view.at}/${logFold.encodeState(view.state, '').toString('base64')}`
    const known = this.#viewNumbers.get(key)
    if (known) return known.number
    // Ticks count within one task only: the view was confirmed before the next request.
    const made = { number: this.#views.length, view: { ...view, tick: 0 } }
    this.#views.push(made)
    this.#viewNumbers.set(key, made)
    return made.number
  }

  /** Undefined when it must be found out first. */
  start(process: number, task: number, viewNumber: number, time: number): Node | undefined {
    const view = this.view(viewNumber)
    const key = `${process}/${task}/${viewNumber}/${time}`
    return this.#find(key, { process, task, view, startedAt: time, answers: [], time })
  }

  answer(node: Node, key: string, answer: Answer, time: number): Node | undefined {
    const arrivesAt = key === 'gave up' ? outOfTime : time
    const last = node.answers.at(-1)
    // The same put again and again is the same process as after the last of them.
    const earlier = key === 'again' && last?.key === 'again' ? node.answers.slice(0, -1) : node.answers
    const answers = [...earlier, { key, answer, time: arrivesAt }]
    return this.#find(`${node.number}>${key}@${time}`, { ...node, answers, time })
  }

  get hasMissing(): boolean {
    return this.#missing.size > 0
  }

  async findOut(): Promise<void> {
    const missing = this.#missing
    this.#missing = new Map()
    for (const [key, found] of missing) {
      // Two ways may lead to the same answers.
      const { process, task, startedAt, answers } = found
      const whole = `${process}/${task}/${this.viewNumber(found.view)}/${startedAt}:${answers.map((a) => `${a.key}@${a.time}`).join('>')}`
      const known = this.#numbers.get(whole)
      const node = known ?? { ...found, number: this.#nodes.length, asked: await this.#ask(found) }
      if (known === undefined) this.#nodes.push(node)
      this.#numbers.set(whole, node)
      this.#numbers.set(key, node)
    }
  }

  #find(key: string, found: Omit<Node, 'number' | 'asked'>): Node | undefined {
    const node = this.#numbers.get(key)
    if (node === undefined) this.#missing.set(key, found)
    return node
  }

  async #ask(found: Omit<Node, 'number' | 'asked'>): Promise<Asked> {
    const task = this.tasks[found.process]?.[found.task]
    if (task === undefined) throw new Error('there is no such task')
    const work = this.#workLie(task.work, task.says)
    const name = `${this.names[found.process]}${found.task}.`
    return replay(
      { name, rules: this.#rules, startedAt: found.startedAt },
      (machine) => work(this.#lie(machine, task.says), found.view),
      found.answers,
    )
  }
}
