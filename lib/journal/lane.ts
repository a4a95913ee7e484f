import {
  type AppendRequest,
  appendOf,
  decideAppend,
  isTicketValid,
  maxRowBatches,
  type PlacedBatch,
  placeBatches,
  type Verdict,
} from '../log/append.ts'
import { refusal } from '../log/decide.ts'
import type { Change, Row } from '../log/row.ts'
import { rowBatchBytes, rowOverheadBytes } from '../log/row-bytes.ts'
import type { State } from '../log/state.ts'
import { type Appended, append, type Decision } from './append.ts'
import { Contention } from './contention.ts'
import type { Journal } from './journal.ts'
import { untilAnswered } from './retry.ts'
import { extend, isFresh, load, refresh, type View } from './view.ts'

export type LogJournal = Journal<State, Row>

export type LaneOptions = {
  /** Requests that arrive within this time after the first share a row; 0: those that arrive in the same turn. */
  readonly lingerMs: number
  /** Rows whose batches are smaller than this carry them inline. */
  readonly inlineBytes: number
  /** Called after a row of appends and before its answers and the next one: flushes a tail that is far too long. Must not throw. */
  readonly relieve: (lane: Lane, state: State) => Promise<void>
  /** Told of every new view. */
  readonly onView: (lane: Lane) => void
}

export const defaultInlineBytes = 4096

export type AppendAnswer = { readonly outcome: 'decided'; readonly verdicts: readonly Verdict[] } | TimedOut

/** Whether the row is in the journal is not known: repeat the request, with the same producer sequence if there is one. */
type TimedOut = { readonly outcome: 'unknown' }

export type ChangeAnswer =
  | { readonly outcome: 'changed'; readonly state: State }
  | { readonly outcome: 'refused'; readonly reason: string }
  | TimedOut

/** Bytes that requests joined into one row upload together; a single request may be larger. */
const maxUploadBytes = 16 * 1024 * 1024
/** A batch that arrived before the one it follows gets this long for that one to arrive. */
const gapWaitMs = 200
/** A read of the journal that has no answer is given up after this. */
const readTimeoutMs = 10_000

type Waiting = {
  readonly request: AppendRequest
  readonly untilMs: number
  readonly tick: number
  readonly settle: (answer: AppendAnswer | Promise<never>) => void
}

/**
 * One instance's way into one journal: it has at most one row in flight, and requests that arrive meanwhile join the
 * next. It also keeps the view that reads are answered from.
 */
export class Lane {
  readonly journal: LogJournal
  readonly #options: LaneOptions
  readonly #contention: Contention
  #view: View<State> | undefined
  #ticks = 0
  #waiting: Waiting[] = []
  /** The end of what is being done: everything that appends stands in this line. */
  #line: Promise<unknown> = Promise.resolve()
  #isFlying = false

  constructor(journal: LogJournal, options: LaneOptions) {
    this.journal = journal
    this.#options = options
    this.#contention = new Contention(journal.clock, journal.instance)
  }

  get isIdle(): boolean {
    return !this.#isFlying && this.#waiting.length === 0
  }

  /** What is known without asking anybody. */
  get known(): State | undefined {
    return this.#view?.state
  }

  /**
   * A state to answer reads from. `known`: from a fresh view, asking only when there is none. `extended`: with what an
   * eventually consistent query shows. `confirmed`: with everything that was true when this was called.
   */
  async state(how: 'known' | 'extended' | 'confirmed'): Promise<State> {
    const { journal } = this
    const { clock } = journal
    const view = this.#view
    const untilMs = clock.now() + readTimeoutMs
    const read = (): Promise<View<State>> => {
      if (view === undefined) return load(journal, this.#tick())
      if (how === 'confirmed' || !isFresh(journal, view)) return refresh(journal, view, this.#tick())
      return how === 'extended' ? extend(journal, view) : Promise.resolve(view)
    }
    const next = await untilAnswered(clock, untilMs, read)
    this.#see(next)
    return next.state
  }

  /** A view whose every row is confirmed: what checkpoints are made of. */
  async confirmedView(): Promise<View<State>> {
    const { journal } = this
    const view = this.#view
    const next = view ? await refresh(journal, view, this.#tick()) : await load(journal, this.#tick())
    this.#see(next)
    return next
  }

  /**
   * Appends batches, all with one row. Throws `JournalGone` when the topic does not exist. `StoreUnavailable` says as
   * little about the batches as the outcome `unknown`: the stores stopped answering before or after the row was put.
   */
  async append(request: AppendRequest, untilMs: number): Promise<AppendAnswer> {
    const first = await this.#join(request, untilMs)
    if (first.outcome === 'unknown') return first
    const early = first.verdicts.flatMap((verdict, i) => (isGap(verdict) ? [i] : []))
    if (early.length === 0) return first
    // Two pipelined requests may overtake each other on the way here: the wrong order of arrival is no error yet.
    await this.journal.clock.sleep(gapWaitMs)
    const batches = request.batches.filter((_, i) => early.includes(i))
    const second = await this.#join({ ...request, batches }, untilMs)
    if (second.outcome === 'unknown') return second
    const verdicts = first.verdicts.map((verdict, i) => second.verdicts[early.indexOf(i)] ?? verdict)
    return { outcome: 'decided', verdicts }
  }

  /** Appends one row that is not of kind append. `plan` is asked again after every conflict. */
  async change(
    plan: (state: State) => Exclude<Change, { kind: 'append' }> | { readonly refused: string },
    untilMs: number,
  ): Promise<ChangeAnswer> {
    const arrivedTick = this.#tick()
    const decide = (state: State): Decision<Row, ChangeAnswer> => {
      const change = plan(state)
      const reason = 'refused' in change ? change.refused : refusal(state, change)
      if (reason !== undefined || 'refused' in change) {
        const refused = { outcome: 'refused', reason: reason ?? '' } as const
        return { refuses: true, answer: refused, row: undefined }
      }
      const build = ({ id, at }: { readonly id: string; readonly at: number }) => ({ id, at, ...change })
      return { refuses: false, answer: { outcome: 'changed', state }, row: { upload: undefined, build } }
    }
    const appended = await this.#inLine(() => this.#commit(decide, arrivedTick, untilMs))
    if (appended.outcome === 'unknown') return appended
    return appended.answer.outcome === 'changed' ? { outcome: 'changed', state: appended.view.state } : appended.answer
  }

  #tick(): number {
    this.#ticks += 1
    return this.#ticks
  }

  /** Of two views the one that knows more is kept: both are true. */
  #see(view: View<State>): void {
    const seen = this.#view
    const knowsMore = seen === undefined || view.state.seq > seen.state.seq
    if (!knowsMore && (view.state.seq < seen.state.seq || view.tick <= seen.tick)) return
    this.#view = view
    if (knowsMore) this.#options.onView(this)
  }

  #inLine<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#line.then(work)
    this.#line = turn.catch(() => undefined)
    return turn
  }

  #join(request: AppendRequest, untilMs: number): Promise<AppendAnswer> {
    const joined = new Promise<AppendAnswer>((settle) => {
      this.#waiting.push({ request, untilMs, tick: this.#tick(), settle })
    })
    if (!this.#isFlying) void this.#flyAll()
    return joined
  }

  async #flyAll(): Promise<void> {
    this.#isFlying = true
    while (this.#waiting.length > 0) {
      await this.journal.clock.sleep(this.#options.lingerMs)
      const flight = this.#takeFlight()
      try {
        const answers = await this.#inLine(() => this.#fly(flight))
        if (this.#view) await this.#options.relieve(this, this.#view.state)
        for (const [i, { settle }] of flight.entries()) settle(answers[i] ?? { outcome: 'unknown' })
      } catch (error) {
        for (const { settle } of flight) settle(Promise.reject(error))
      }
    }
    this.#isFlying = false
  }

  /** As many of the waiting requests as fit into one row and one upload, at least one. */
  #takeFlight(): readonly Waiting[] {
    let batches = 0
    let bytes = 0
    const tooMany = this.#waiting.findIndex(({ request }, i) => {
      batches += request.batches.length
      bytes += bytesOf(request)
      return i > 0 && (batches > maxRowBatches || bytes > maxUploadBytes)
    })
    return this.#waiting.splice(0, tooMany < 0 ? this.#waiting.length : tooMany)
  }

  async #fly(flight: readonly Waiting[]): Promise<readonly AppendAnswer[]> {
    const requests = placeBatches(flight.map(({ request }) => request))
    const parts = requests.flatMap(({ batches }) => batches.map(({ bytes }) => bytes))
    const rowBytes =
      rowOverheadBytes + parts.length * rowBatchBytes + flight.reduce((sum, { request }) => sum + bytesOf(request), 0)
    const inline = rowBytes <= this.#options.inlineBytes ? Buffer.concat(parts) : undefined
    const arrivedTick = Math.max(...flight.map(({ tick }) => tick))
    const untilMs = Math.max(...flight.map(({ untilMs }) => untilMs))
    const appended = await this.#commit((state) => decide(state, requests, parts, inline), arrivedTick, untilMs)
    if (appended.outcome === 'unknown') return flight.map(() => ({ outcome: 'unknown' }))
    return appended.answer.map((verdicts) => ({ outcome: 'decided', verdicts }))
  }

  async #commit<Answer>(
    decide: (state: State) => Decision<Row, Answer>,
    arrivedTick: number,
    untilMs: number,
  ): Promise<Appended<State, Answer>> {
    const { journal } = this
    const nextTick = () => this.#tick()
    const start = this.#view ?? (await untilAnswered(journal.clock, untilMs, () => load(journal, nextTick())))
    const appended = await append(journal, start, {
      decide,
      arrivedTick,
      untilMs,
      nextTick,
      giveWay: (afterConflict) => this.#contention.giveWay(afterConflict),
      onRow: (id) => this.#contention.sawRow(id),
      onPut: (ms) => this.#contention.sawRoundTrip(ms),
    })
    if (appended.view) this.#see(appended.view)
    else this.#view = undefined
    return appended
  }
}

const bytesOf = (request: AppendRequest): number => request.batches.reduce((sum, { bytes }) => sum + bytes.length, 0)

const isGap = (verdict: Verdict): boolean =>
  verdict.outcome === 'refused' &&
  (verdict.error === 'OUT_OF_ORDER_SEQUENCE_NUMBER' || verdict.error === 'UNKNOWN_PRODUCER_ID')

const decide = (
  state: State,
  requests: readonly AppendRequest<PlacedBatch>[],
  parts: readonly Buffer[],
  inline: Buffer | undefined,
): Decision<Row, readonly (readonly Verdict[])[]> => {
  const decision = decideAppend(state, requests)
  const { refuses, verdicts } = decision
  if (decision.accepted.length === 0) return { refuses, answer: verdicts, row: undefined }
  const upload = inline ? undefined : { folder: 'wal', parts, isValid: (name: string) => isTicketValid(state, name) }
  return {
    refuses,
    answer: verdicts,
    row: {
      upload,
      build: ({ id, at, objectName }) => ({
        id,
        at,
        ...appendOf(decision, inline ? { in: 'row', bytes: inline } : { in: 'object', name: objectName }),
      }),
    },
  }
}
