// Follows a topic as server-sent events, as EventSource does in a browser: whenever the stream ends it asks again with
// the id of the last event as Last-Event-ID, so nothing is missed and nothing comes twice. Ctrl-C ends it.
// Against `npm start`:  npx node test/examples/sse.ts orders
import { setTimeout as sleep } from 'node:timers/promises'

const url = process.env['WADI_URL'] ?? 'http://127.0.0.1:8080'
const topic = process.argv[2] ?? 'orders'
let lastEventId: string | undefined

async function* eventsOf(response: Response) {
  let text = ''
  for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const blocks = (text + chunk).split('\n\n')
    // What is not ended by an empty line is no event yet.
    text = blocks.pop() ?? ''
    // Lines without a field's name are comments, which keep the connection open.
    for (const block of blocks) {
      const fields = block.split('\n').map((line) => line.split(/: (.*)/, 2))
      yield new Map(fields.map(([name = '', value = '']) => [name, value]))
    }
  }
}

for (;;) {
  try {
    const headers = { accept: 'text/event-stream', ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) }
    const response = await fetch(`${url}/v1/topics/${topic}/records?from=earliest`, { headers })
    if (!response.ok) throw new Error(await response.text())
    for await (const event of eventsOf(response)) {
      lastEventId = event.get('id') ?? lastEventId
      if (event.get('event') === 'record') console.log(event.get('data'))
      if (event.get('event') === 'caught-up') console.error('caught up')
    }
  } catch (error) {
    console.error(`again in a second: ${error}`)
  }
  await sleep(1000)
}
