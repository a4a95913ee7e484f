// A worker of a group. Records are lent to it until it acknowledges them; if its lease ends before, somebody else is lent
// them, and its own acknowledgement is refused. Start as many as you like, each with a name.
// Against `npm start`:  npx node test/examples/worker.ts ada
//                       curl http://127.0.0.1:8080/v1/topics/jobs/records -d '{ "value": { "takesMs": 100 } }'
import { setTimeout as sleep } from 'node:timers/promises'

const url = `${process.env['WADI_URL'] ?? 'http://127.0.0.1:8080'}/v1`
const worker = process.argv[2] ?? 'worker'
const leaseMs = 5000

const ask = async (method: string, path: string, body: unknown) => {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url + path, { method, headers, body: JSON.stringify(body) })
  return JSON.parse(await response.text())
}

await ask('PUT', '/topics/jobs', { partitions: 3 })
for (let pauseMs = 250; ; pauseMs = Math.min(2 * pauseMs, 5000)) {
  const { lease, records } = await ask('POST', '/groups/work/poll', { topics: ['jobs'], limit: 5, leaseMs, worker })
  if (!lease) {
    await sleep(pauseMs)
    continue
  }
  // Work may take longer than a lease. Where this is refused, the acknowledgement will be, too.
  const extend = () => ask('POST', '/groups/work/extend', { lease, leaseMs }).catch(console.error)
  const extending = setInterval(extend, leaseMs / 3)
  const failed: unknown[] = []
  for (const { topic, partition, offset, value, attempt } of records) {
    console.log(`${worker} begins ${partition}:${offset}`)
    await sleep(value.takesMs)
    // It is handed out again after a second; when it fails once more it goes to the topic jobs.work.dlq.
    if (value.error) failed.push({ topic, partition, offset, error: value.error, retry: attempt < 2 })
  }
  clearInterval(extending)
  const { code } = await ask('POST', '/groups/work/ack', { lease, failed })
  for (const { partition, offset } of records) console.log(`${worker} ${code ?? 'ends'} ${partition}:${offset}`)
  pauseMs = 125
}
