// KafkaJS where there is only HTTPS, as in Lambda or behind a firewall: its sockets post Kafka's frames to Wadi's API.
// Against `npm start`:  npx node test/examples/kafkajs-without-tcp.ts
// Outside of this repository `wadiSockets` comes from 'wadi/kafkajs'; WADI_API_KEY is for an API that asks for keys.
import { Kafka, logLevel } from 'kafkajs'
import { wadiSockets } from '../../lib/kafkajs.ts'

const url = process.env['WADI_URL'] ?? 'http://127.0.0.1:8080'
const apiKey = process.env['WADI_API_KEY']
const socketFactory = wadiSockets({ url, ...(apiKey !== undefined && { apiKey }) })
// The broker's name means nothing, it only has to be there.
const kafka = new Kafka({ clientId: 'shop', brokers: ['wadi:9092'], socketFactory, logLevel: logLevel.ERROR })

const admin = kafka.admin()
await admin.connect()
if (!(await admin.listTopics()).includes('clicks')) {
  await admin.createTopics({ topics: [{ topic: 'clicks', numPartitions: 2 }] })
}
await admin.disconnect()

const producer = kafka.producer()
await producer.connect()
const messages = ['/', '/shop', '/shop/hats'].map((page) => ({ key: 'visitor-1', value: page }))
await producer.send({ topic: 'clicks', messages })
await producer.disconnect()

const consumer = kafka.consumer({ groupId: 'statistics', maxWaitTimeInMs: 500 })
await consumer.connect()
await consumer.subscribe({ topic: 'clicks', fromBeginning: true })
const all = Promise.withResolvers<void>()
let read = 0
await consumer.run({
  eachMessage: async ({ partition, message }) => {
    console.log(`${partition}:${message.offset} ${message.key} ${message.value}`)
    if (++read === messages.length) all.resolve()
  },
})
await all.promise
await consumer.disconnect()
