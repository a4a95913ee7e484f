import { documentFrom, fields, orNull, text, whole } from '../store/document-shape.ts'
import type { Item, Items } from '../store/items.ts'
import { nodeKey, nodesPartition } from '../store/keys.ts'
import type { Clock } from './clock.ts'
import { pauses } from './retry.ts'

/** Where clients reach a gateway. A node is an address: two processes at one address are one node. */
export type NodeAddress = {
  readonly host: string
  readonly port: number
  /** The availability zone, or null. */
  readonly zone: string | null
}

export type Node = NodeAddress & { readonly id: number }

/** A gateway's registration. It stays when the gateway has left, and its id goes to the next newcomer. */
type NodeDocument = NodeAddress & {
  /** When it counts as dead unless it was heard of again, by its own clock; 0: it has left. */
  readonly expires: number
}

/** A gateway that is not heard of counts as dead after this: Kafka's `broker.session.timeout.ms` is 9 s. */
export const lifetimeMs = 6000
/** A registration is replaced so often. */
const beatEveryMs = lifetimeMs / 3
/** The list of nodes is read again, behind the requests that use it, when it is older than this. */
const listedForMs = 1000
/** No request uses an older list: it waits for another. Registrations in it are then not about to expire. */
const maxListAgeMs = beatEveryMs
/** A newcomer takes the id of one that is expired for so long: far more than clocks are wrong by. */
export const idKeptMs = 3_600_000
/** Tries to register at once; after them comes the next beat. */
const maxClaims = 5

/** Whoever is about to send a client to another node looks again when the list is older than this. */
const doubtfulAgeMs = 100
/** After it has left a gateway goes on sending clients to the others, until those have heard of it. */
const farewellMs = beatEveryMs

/** Node 1 is the functions behind their URL, and every server that does not register. */
const firstNodeId = 2

const isNode = fields({ host: text, port: whole, zone: orNull(text), expires: whole })

type Registration = { readonly id: number; readonly document: NodeDocument; readonly version: number }
/** `until`: when it counts as dead, by the clock here. */
type Heard = Registration & { readonly until: number }
type Read = { readonly nodes: readonly Registration[]; readonly at: number }
type List = { readonly nodes: readonly Heard[]; readonly at: number }

/**
 * The gateways that share these stores, as one of them sees them: it registers itself and keeps a list of all. Clocks
 * decide only when somebody else may try to lead, never who is right.
 */
export class Nodes {
  readonly address: NodeAddress
  readonly #items: Items
  readonly #clock: Clock
  readonly #leaving = new AbortController()
  #list: List = { nodes: [], at: Number.NEGATIVE_INFINITY }
  /** Counts reads and writes: what was read before something was written does not replace it. */
  #ticks = 0
  #listTick = 0
  #own: { readonly id: number; readonly expires: number } | undefined
  #reading: Promise<void> | undefined
  #beating: Promise<void> | undefined

  constructor(items: Items, clock: Clock, address: NodeAddress) {
    this.#items = items
    this.#clock = clock
    this.address = address
  }

  /** This node's id; undefined before it has registered, after it has left, and while its registration is overdue. */
  get self(): number | undefined {
    return this.#own !== undefined && this.#clock.now() < this.#own.expires ? this.#own.id : undefined
  }

  /** The live nodes by id, each at an address of its own; from the list, which is read when it is too old. */
  async live(): Promise<readonly Node[]> {
    const ageMs = this.#clock.now() - this.#list.at
    if (ageMs < 0 || ageMs > maxListAgeMs) await this.#read()
    else if (ageMs > listedForMs) void this.#read()
    return liveNodes(this.#list, this.#clock.now())
  }

  /** The live nodes from a list that is hardly older than a client's patience. */
  async liveLately(): Promise<readonly Node[]> {
    const ageMs = this.#clock.now() - this.#list.at
    if (ageMs < 0 || ageMs > doubtfulAgeMs) await this.#read()
    return liveNodes(this.#list, this.#clock.now())
  }

  /** The live nodes after a look: whoever takes something from another node looks first. */
  async liveNow(): Promise<readonly Node[]> {
    await this.#read()
    return liveNodes(this.#list, this.#clock.now())
  }

  /** Registers, and again at every beat until it leaves. Resolves after the first try; `log` is told of what fails. */
  async join(log: (line: string) => void): Promise<void> {
    const beat = async (): Promise<void> => {
      try {
        await this.beat()
      } catch (error) {
        log(`this node could not register: ${error instanceof Error ? error.message : error}`)
      }
    }
    const first = beat()
    this.#beating = first.then(() => this.#beatOn(beat))
    await first
  }

  async #beatOn(beat: () => Promise<void>): Promise<void> {
    const { signal } = this.#leaving
    while (!signal.aborted) {
      await this.#clock.sleep(beatEveryMs, signal)
      if (!signal.aborted) await beat()
    }
  }

  /**
   * Tells the others that this node is gone, so that they need not wait until it expires. Resolves when they know, if
   * there are any: until then clients can still be sent to them, which is smoother than to be disconnected.
   */
  async leave(): Promise<void> {
    this.#leaving.abort()
    await this.#beating
    this.#own = undefined
    const list = await readNodes(this.#items, this.#clock)
    const mine = list.nodes.find(({ document }) => isAt(document, this.address))
    if (mine === undefined) return
    const left = { ...mine, document: { ...mine.document, expires: 0 } }
    // Whether or not it is stored, nobody believes for long that this node is there.
    await put(this.#items, left, this.#clock.randomId())
    const others = list.nodes.filter((node) => node !== mine)
    this.#see({ ...list, nodes: [...others, { ...left, version: left.version + 1 }] }, this.#tick())
    if (liveNodes(this.#list, this.#clock.now()).length > 0) await this.#clock.sleep(farewellMs)
  }

  /** Looks at all nodes and claims its own place among them, or claims it again. */
  async beat(): Promise<void> {
    let claims = 0
    for (const pauseMs of pauses(this.#clock)) {
      const list = await readNodes(this.#items, this.#clock)
      const claim = claimOf(list, this.address, this.#clock.now())
      if (await put(this.#items, claim, this.#clock.randomId())) {
        this.#own = { id: claim.id, expires: claim.document.expires }
        const others = list.nodes.filter(({ id }) => id !== claim.id)
        this.#see({ ...list, nodes: [...others, { ...claim, version: claim.version + 1 }] }, this.#tick())
        return
      }
      claims++
      if (claims === maxClaims) throw new Error(`node ${claim.id} was not stored`)
      await this.#clock.sleep(pauseMs)
    }
  }

  /** One reader for all who wait. Without an answer the list stays: whoever cannot be asked is not dead for that. */
  #read(): Promise<void> {
    const tick = this.#tick()
    this.#reading ??= readNodes(this.#items, this.#clock)
      .then(
        (list) => this.#see(list, tick),
        () => {},
      )
      .finally(() => {
        this.#reading = undefined
      })
    return this.#reading
  }

  #tick(): number {
    this.#ticks += 1
    return this.#ticks
  }

  #see({ nodes, at }: Read, tick: number): void {
    if (tick < this.#listTick) return
    const before = new Map(this.#list.nodes.map((node) => [node.id, node]))
    const look = { at, lastAt: this.#list.at }
    this.#list = { nodes: nodes.map((node) => ({ ...node, until: untilOf(node, before.get(node.id), look) })), at }
    this.#listTick = tick
  }
}

const isAt = (document: NodeAddress, { host, port }: NodeAddress): boolean =>
  document.host === host && document.port === port

/**
 * Until when a node counts as live. What it says of that is by its own clock, and is believed only if it can be true: what
 * was written since the last look is no older than that. Otherwise it counts from now: however wrong its clock is, one
 * that goes on replacing its registration is live, and one that does not do so for its lifetime is dead.
 */
const untilOf = ({ document, version }: Registration, before: Heard | undefined, look: Look): number => {
  const { at, lastAt } = look
  const latest = at + lifetimeMs
  if (document.expires === 0) return 0
  if (before?.version === version) return Math.min(before.until, latest)
  const earliest = before === undefined ? Number.NEGATIVE_INFINITY : lastAt + lifetimeMs
  return document.expires >= earliest && document.expires <= latest ? document.expires : latest
}

/** When the registrations were read, and when they were before. */
type Look = { readonly at: number; readonly lastAt: number }

/** As of the time it was read, when it could not be read since. */
const liveNodes = ({ nodes, at }: List, nowMs: number): readonly Node[] => {
  const byAddress = new Map<string, Node>()
  const asOfMs = Math.min(nowMs, at + maxListAgeMs)
  for (const { id, document, until } of nodes.toSorted((a, b) => a.id - b.id)) {
    const { host, port, zone } = document
    const address = `${host}:${port}`
    if (until > asOfMs && !byAddress.has(address)) byAddress.set(address, { id, host, port, zone })
  }
  return [...byAddress.values()]
}

/** The place that a gateway claims: the one it had at this address, else one that nobody has any more, else a new one. */
const claimOf = ({ nodes }: Read, address: NodeAddress, nowMs: number): Registration => {
  const mine = nodes.find(({ document }) => isAt(document, address))
  const free = nodes.find(({ document }) => document.expires + idKeptMs < nowMs)
  const { id, version } = mine ?? free ?? { id: Math.max(firstNodeId, ...nodes.map((node) => node.id + 1)), version: 0 }
  return { id, version, document: { ...address, expires: nowMs + lifetimeMs } }
}

/** Whether it is stored. Not to know it is no harm: the next look finds it, or not. */
const put = async (items: Items, { id, version, document }: Registration, attempt: string): Promise<boolean> => {
  const item = { attempt, body: Buffer.from(JSON.stringify(document)) }
  const stored = version === 0 ? items.putIfAbsent(nodeKey(id), item) : items.replace(nodeKey(id), item, version)
  return (await stored).outcome === 'stored'
}

/** Nodes in one page of a query; there are a handful. */
const nodesPerPage = 1000

const readNodes = async (items: Items, clock: Clock): Promise<Read> => {
  const at = clock.now()
  const nodes: Registration[] = []
  for (let after = ''; ; ) {
    const page = await items.query(nodesPartition, { after, before: ':', limit: nodesPerPage, consistent: true })
    nodes.push(...page.items.map(registrationOf))
    after = page.items.at(-1)?.sort ?? after
    if (page.end) return { nodes, at }
  }
}

const registrationOf = ({ sort, version, body }: Item): Registration => ({
  id: Number(sort),
  version,
  document: documentFrom(body, `node ${sort}`, isNode),
})
