// A Lambda function that appends events of EventBridge over HTTPS. When it fails Lambda calls it again with the same
// event: with the event's id as Idempotency-Key it is one record, however often it comes within ten minutes.
// Against `npm start`:  curl -X PUT http://127.0.0.1:8080/v1/topics/events
//                       npx node test/examples/lambda-handler.ts < an-event.json
import { text } from 'node:stream/consumers'

const url = process.env['WADI_URL'] ?? 'http://127.0.0.1:8080'
const apiKey = process.env['WADI_API_KEY']

type Event = {
  readonly id: string
  readonly source: string
  readonly 'detail-type': string
  readonly time: string
  readonly detail: unknown
}

export const handler = async ({ id, source, 'detail-type': type, time, detail }: Event): Promise<unknown> => {
  const response = await fetch(`${url}/v1/topics/events/records`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'idempotency-key': id,
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
    },
    body: JSON.stringify({ key: source, value: detail, headers: { 'detail-type': type }, timestamp: time }),
    // Less than the function has, so that it can still say what was wrong.
    signal: AbortSignal.timeout(10_000),
  })
  // Whatever is thrown makes Lambda call again.
  if (!response.ok) throw new Error(await response.text())
  return response.json()
}

// As Lambda would call it, with an event from stdin.
if (import.meta.main) void text(process.stdin).then(async (event) => console.log(await handler(JSON.parse(event))))
