import { leaderEpochOf, type State } from '../log/state.ts'
import { journalPartition, type Shard } from '../store/keys.ts'
import type { Clock } from './clock.ts'
import type { Lane } from './lane.ts'
import type { Logs } from './logs.ts'
import type { Node, Nodes } from './nodes.ts'
import { ranked } from './rendezvous.ts'

/** Who takes what is to be appended to a shard. */
export type Led =
  /** This node, under this epoch; undefined: nobody leads, and anybody may append. */
  { readonly outcome: 'here'; readonly leaderEpoch: number | undefined } | LedElsewhere

/** That node; undefined: it is not known yet, to be asked again. The epoch is told when that node has the lead. */
export type LedElsewhere = {
  readonly outcome: 'elsewhere'
  readonly node: Node | undefined
  readonly leaderEpoch: number | undefined
}

type LeadershipOptions = { readonly nodes: Nodes; readonly logs: Logs; readonly clock: Clock }

/** Others may take leads at the same time, but not so often in a row. */
const maxTakes = 3
/** A lead that is not taken within this time is answered as not known. */
const takeTimeoutMs = 10_000
/** Journals whose lead this process knows to be its own, of some hundred bytes each. */
const maxTaken = 100_000

/** The live nodes in the order in which they are to lead the shard. */
export const rankedFor = (nodes: readonly Node[], shard: Shard): readonly Node[] =>
  ranked(nodes, journalPartition(shard))

/**
 * Which of several gateways leads which journal, so that requests join and rows do not collide. Truth never rests on
 * it: an append is right whoever writes it. The first of the ranked live nodes is to lead; it takes the lead with a row
 * when it is first asked to append, and whoever led before is refused by that row's epoch.
 */
export class Leadership {
  readonly nodes: Nodes
  readonly #logs: Logs
  readonly #clock: Clock
  /**
   * The epoch that this process took last of a journal, by its partition; beyond `maxTaken` the oldest goes. A lead of
   * this node's id that is older is another process's, which may still be appending: it is fenced by a new one. It
   * outlives the journal's lane: a lead that is taken again for nothing disturbs every consumer.
   */
  readonly #taken = new Map<string, number>()
  readonly #taking = new Map<string, Promise<Led>>()

  constructor({ nodes, logs, clock }: LeadershipOptions) {
    this.nodes = nodes
    this.#logs = logs
    this.#clock = clock
  }

  /** Whether to append here. Asks no store as long as nothing changes. Throws `JournalGone`, `StoreUnavailable`. */
  async lead(shard: Shard): Promise<Led> {
    const lane = this.#logs.lane(shard)
    let led = this.#known(await this.nodes.live(), shard, lane.known)
    // A client that asks the wrong node may have heard of something that this one has not.
    if (led?.outcome === 'elsewhere') led = this.#known(await this.nodes.liveLately(), shard, lane.known)
    if (led) return led
    const key = journalPartition(shard)
    const taking = this.#taking.get(key) ?? this.#take(shard, lane).finally(() => this.#taking.delete(key))
    this.#taking.set(key, taking)
    return taking
  }

  /** Who is to lead the shard, if that is another of the live nodes; nobody is asked. */
  elsewhere(live: readonly Node[], shard: Shard): LedElsewhere | undefined {
    const led = this.#known(live, shard, this.#logs.known(shard))
    return led?.outcome === 'elsewhere' ? led : undefined
  }

  /** The epoch under which this node leads the shard, nobody being asked; undefined when it does not, as far as it knows. */
  epochHere(live: readonly Node[], shard: Shard): number | undefined {
    const led = this.#known(live, shard, this.#logs.known(shard))
    return led?.outcome === 'here' ? led.leaderEpoch : undefined
  }

  /** What follows without looking; undefined when the lead is to be taken. */
  #known(live: readonly Node[], shard: Shard, state: State | undefined): Led | undefined {
    const [intended] = rankedFor(live, shard)
    if (intended === undefined || state?.ended) return { outcome: 'here', leaderEpoch: undefined }
    if (intended.id !== this.nodes.self) return elsewhere(intended, state)
    const leaderEpoch = this.#epochIn(state, shard)
    return leaderEpoch === undefined ? undefined : { outcome: 'here', leaderEpoch }
  }

  #epochIn(state: State | undefined, shard: Shard): number | undefined {
    if (state?.leader === undefined || state.leader.node !== this.nodes.self) return undefined
    const taken = this.#taken.get(journalPartition(shard))
    return taken !== undefined && state.leader.epoch >= taken ? state.leader.epoch : undefined
  }

  /** What is taken from another is taken on what is true now, as far as anybody can tell. */
  async #take(shard: Shard, lane: Lane): Promise<Led> {
    for (let take = 0; take < maxTakes; take++) {
      const live = await this.nodes.liveNow()
      const state = lane.known ?? (await lane.state('known'))
      const led = this.#known(live, shard, state)
      if (led) return led
      const node = this.nodes.self
      if (node === undefined) break
      const epoch = leaderEpochOf(state) + 1
      const change = { kind: 'lead', node, epoch } as const
      const answer = await lane.change(() => change, this.#clock.now() + takeTimeoutMs)
      if (answer.outcome === 'unknown') break
      // Refused: somebody was first, or the topic is deleted; the state tells who.
      if (answer.outcome === 'changed') {
        this.#remember(journalPartition(shard), epoch)
        return { outcome: 'here', leaderEpoch: epoch }
      }
    }
    return { outcome: 'elsewhere', node: undefined, leaderEpoch: undefined }
  }

  #remember(key: string, epoch: number): void {
    this.#taken.delete(key)
    this.#taken.set(key, epoch)
    const [oldest] = this.#taken.keys()
    if (this.#taken.size > maxTaken && oldest !== undefined) this.#taken.delete(oldest)
  }
}

const elsewhere = (node: Node, state: State | undefined): Led => ({
  outcome: 'elsewhere',
  node,
  leaderEpoch: state?.leader?.node === node.id ? state.leader.epoch : undefined,
})
