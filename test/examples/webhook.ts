// Webhooks come in at POST /v1/in/{topic}, whoever sends them: the body is the value, the headers are the record's. A
// reader follows the topic, from a cursor on; while there is nothing new its pauses grow.
// Against `npm start`:  npx node test/examples/webhook.ts
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

const url = process.env['WADI_URL'] ?? 'http://127.0.0.1:8080'

const ask = async (path: string, request: RequestInit = {}) => {
  const headers = { 'content-type': 'application/json', ...request.headers }
  const response = await fetch(url + path, { ...request, headers })
  if (!response.ok) throw new Error(await response.text())
  return JSON.parse(await response.text())
}

// What a sender does; one that did not get the answer sends the same again, with the same key.
const deliver = async (branch: string, delivery = randomUUID()) => {
  const headers = { 'x-event': 'push', 'idempotency-key': delivery }
  const request = { method: 'POST', headers, body: JSON.stringify({ branch }) }
  for (const _ of ['sent', 'sent again']) await ask('/v1/in/pushes?key=wadi', request)
}

await ask('/v1/topics/pushes', { method: 'PUT', body: '{}' })
let { next } = await ask('/v1/topics/pushes/records?from=latest')
for (const branch of ['main', 'fix', 'last']) await deliver(branch)

for (let [pauseMs, branch] = [250, '']; branch !== 'last'; pauseMs = Math.min(2 * pauseMs, 5000)) {
  const page = await ask(`/v1/topics/pushes/records?from=${next}`)
  for (const { offset, key, value, headers } of page.records) {
    console.log(`${offset} ${key} ${headers['x-event']} ${value.branch}`)
    branch = value.branch
  }
  if (page.records.length > 0) pauseMs = 250
  if (page.upToDate && branch !== 'last') await sleep(pauseMs)
  next = page.next
}
