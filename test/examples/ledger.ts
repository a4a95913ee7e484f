// Exactly once, without a lock: five writers take 30 each from an account, whose balance is the sum of its topic. Each
// books only if the topic still ends where it looked (If-Match), and with a key, which makes a repeat no second booking.
// Against `npm start`:  npx node test/examples/ledger.ts
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

const url = `${process.env['WADI_URL'] ?? 'http://127.0.0.1:8080'}/v1/topics/ledger`

// Where an answer is lost, or the outcome is not known, the same request is sent again.
const ask = async (path: string, request: RequestInit = {}) => {
  const headers = { 'content-type': 'application/json', ...request.headers }
  for (let pauseMs = 50; ; pauseMs = Math.min(2 * pauseMs, 5000)) {
    const response = await fetch(url + path, { ...request, headers }).catch(() => undefined)
    if (response && response.status < 500) return { status: response.status, body: JSON.parse(await response.text()) }
    await sleep(pauseMs)
  }
}

const book = async (who: string, amount: number, key = randomUUID()): Promise<string> => {
  let [balance, end, from, isBehind] = [0, 0, 'earliest', true]
  while (isBehind) {
    const { body } = await ask(`/records?from=${encodeURIComponent(from)}`)
    for (const { value, offset } of body.records) [balance, end] = [balance + value.amount, offset + 1]
    ;[from, isBehind] = [body.next, !body.upToDate]
  }
  if (balance + amount < 0) return `${who} is refused ${-amount}, there is ${balance}`
  const headers = { 'idempotency-key': key, 'if-match': `"0:${end}"` }
  const booking = JSON.stringify({ value: { who, amount } })
  const { status, body } = await ask('/records', { method: 'POST', headers, body: booking })
  if (status === 200) return `${who} books ${amount} on ${balance}`
  if (body.code !== 'CONDITION_FAILED') throw new Error(body.detail)
  return book(who, amount, key)
}

await ask('', { method: 'PUT', body: '{ "partitions": 1 }' })
console.log(await book('owner', 100))
await Promise.all(['ada', 'bob', 'cy', 'di', 'ed'].map(async (who) => console.log(await book(who, -30))))
