import { commands } from './dialogue-commands.ts'
import { DialogueWorld, msOf } from './dialogue-world.ts'
import { settle } from './virtual-clock.ts'

/**
 * Plays a dialogue between the members and the coordinators of one group. A line that is not indented is a command
 * (`dialogue-commands.ts`), `#` is a comment; what comes while it is done stands below it, indented. Gives the whole text
 * with what has come this time: the same text, if the dialogue is true.
 */
export const play = async (text: string): Promise<string> => {
  const world = new DialogueWorld()
  const out: string[] = []
  let lineMs = world.clock.now()
  const say = (who: string | undefined, what: string): void => {
    const afterMs = world.clock.now() - lineMs
    const whose = who === undefined ? '' : `${who}: `
    const when = afterMs === 0 ? '' : `after ${afterMs} ms `
    out.push(
      ...world
        .named(`${when}${whose}${what}`)
        .split('\n')
        .map((one) => `  ${one}`),
    )
  }
  const start = (line: string): void => {
    for (const command of commands) {
      const found = command.line.exec(line)
      if (found === null) continue
      const words = found.groups ?? {}
      const answer = command.act(world, words)
      if (answer === undefined) return
      void Promise.resolve(answer)
        .catch((error: unknown) => `throws ${error instanceof Error ? error.stack : String(error)}`)
        .then((said) => say(words['who'], said))
      return
    }
    throw new Error(`nobody understands "${line}"`)
  }
  for (const line of text.split('\n').filter((one) => !one.startsWith(' '))) {
    out.push(line)
    if (line === '' || line.startsWith('#')) continue
    lineMs = world.clock.now()
    if (line.startsWith('wait ')) await world.clock.move(msOf(line.slice('wait '.length)))
    else start(line)
    await settle()
  }
  const played = world.named(out.join('\n'))
  // Whoever is still held goes home.
  await world.clock.move(msOf('1 min'))
  return played
}
