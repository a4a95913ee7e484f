import { httpApp } from '../http/app.ts'
import { everyPart } from '../http/every-part.ts'
import { openMemory } from '../local.ts'
import { version } from '../version.ts'
import { command } from './command.ts'
import { exits } from './failures.ts'

/** Prints what `/openapi.json` answers, with no server; deploying puts it beside the function that answers it. */
export const openapi = command({
  name: 'openapi',
  summary: 'Prints the OpenAPI document of the HTTP API',
  arguments: [],
  flags: {},
  examples: [{ line: 'wadi openapi > openapi.json', says: 'for generators of clients' }],
  run: async (_, { out }) => {
    const instance = openMemory({ lingerMs: 0, autoCreateTopics: false, numPartitions: 1, log: () => {} })
    const { context, usage } = instance
    const app = httpApp({
      version: version(),
      commit: undefined,
      isReady: () => true,
      usage,
      context,
      parts: everyPart,
      log: () => {},
    })
    out.write(`${await (await app.request('/openapi.json')).text()}\n`)
    instance.close()
    return exits.ok
  },
})
