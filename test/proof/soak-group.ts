import { type GroupMember, type MemberKind, type Processed, startMember } from '../support/group-members.ts'

export type SoakGroupOptions = {
  readonly kind: MemberKind
  readonly bootstrap: string
  readonly topic: string
  readonly members: number
}

/** A group whose members are processes, and what they were given. Members that end are replaced. */
export class SoakGroup {
  readonly name: string
  readonly processed: Processed[] = []
  readonly #options: SoakGroupOptions
  #members: GroupMember[]

  constructor(options: SoakGroupOptions) {
    this.#options = options
    this.name = `soak-${options.kind}`
    this.#members = Array.from({ length: options.members }, () => this.#start())
  }

  /** kill -9 of one member, and another one in its place. */
  async replaceOne(index: number): Promise<void> {
    const at = index % this.#members.length
    await this.#members[at]?.kill()
    this.#members[at] = this.#start()
  }

  /** Who has given up is started again, as whoever runs such a program does. */
  revive(): void {
    this.#members = this.#members.map((member) => (member.hasEnded() ? this.#start() : member))
  }

  async leave(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.leave()))
  }

  async kill(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.kill()))
  }

  #start(): GroupMember {
    const { kind, bootstrap, topic } = this.#options
    return startMember({ kind, bootstrap, topic, group: this.name }, (record) => void this.processed.push(record))
  }
}
