import { once } from 'node:events'
import { createRequire } from 'node:module'

/** The inside of an environment: loads a bundle as the runtime does, and answers one event after the other. */
const [, , bundle = ''] = process.argv
const { handler } = createRequire(import.meta.url)(bundle)

/** What keeps the process alive although nothing is asked of it: the channel to its parent. */
const idle = process.getActiveResourcesInfo()
process.send?.({ ready: true })

for (;;) {
  const [{ event, awsRequestId, remainingMs }] = await once(process, 'message')
  const endMs = performance.now() + remainingMs
  const context = { awsRequestId, getRemainingTimeInMillis: () => endMs - performance.now() }
  let answer: { readonly result?: unknown; readonly failed?: string }
  try {
    answer = { result: await handler(event, context) }
  } catch (error) {
    answer = { failed: String(error) }
  }
  const floating = process.getActiveResourcesInfo()
  for (const resource of idle) if (floating.includes(resource)) floating.splice(floating.indexOf(resource), 1)
  process.send?.({ ...answer, floating })
}
