// KafkaJS as it is: an idempotent producer sends orders, a group reads them, each customer's in order. A second run goes
// on where the group has come to.
// Against `npm start`:  npx node test/examples/kafkajs.ts
import { Kafka, logLevel } from 'kafkajs'

const brokers = (process.env['WADI_BROKERS'] ?? '127.0.0.1:9092').split(',')
const kafka = new Kafka({ clientId: 'shop', brokers, logLevel: logLevel.ERROR })

const admin = kafka.admin()
await admin.connect()
if (!(await admin.listTopics()).includes('orders')) {
  await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 3 }] })
}
await admin.disconnect()

const orders = [
  { customer: 'ada', total: 12 },
  { customer: 'bob', total: 5 },
  { customer: 'ada', total: 30 },
]
const producer = kafka.producer({ idempotent: true })
await producer.connect()
const messages = orders.map((order) => ({ key: order.customer, value: JSON.stringify(order) }))
await producer.send({ topic: 'orders', messages })
await producer.disconnect()

const consumer = kafka.consumer({ groupId: 'billing' })
await consumer.connect()
await consumer.subscribe({ topic: 'orders', fromBeginning: true })
const all = Promise.withResolvers<void>()
let read = 0
await consumer.run({
  eachMessage: async ({ partition, message }) => {
    console.log(`${partition}:${message.offset} ${message.key} ${message.value}`)
    if (++read === orders.length) all.resolve()
  },
})
await all.promise
await consumer.disconnect()
