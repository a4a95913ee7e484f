import { type Door, doorOf, doors } from '../../lib/protocol/apis.ts'
import type { Chance } from '../gateway/chance.ts'
import { fuzzFrame } from '../gateway/fuzz-frames.ts'
import { mutateFrame } from '../gateway/fuzz-mutate.ts'

/** Names that a world has given, for requests that have to know them. */
export type Known = {
  readonly clusterId: string
  readonly topicIds: readonly string[]
  readonly nowMs: number
  /** The lease that was handed out last. */
  readonly lease: string
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE2']
const goodTopics = ['orders', 'json', 'many', 'new1', 'new2']
const badTopics = ['ordesr', '..', '%00', 'a%2Fb', '%F0%9F', 'x'.repeat(300), '__proto__']
const reading = ['from', 'limit', 'maxBytes', 'partition', 'key', 'where', 'format', 'wait']
const records = /value|records|\[/
/** Each with the methods, parameters and bodies that it knows. */
const paths: readonly (readonly [path: string, methods: readonly string[], query: readonly string[], body: RegExp])[] =
  [
    ['/v1/topics', ['GET'], ['prefix', 'limit', 'cursor'], /x/],
    ['/v1/topics/{t}', ['GET', 'PUT', 'PUT', 'PATCH', 'DELETE'], ['dryRun', 'confirm'], /partitions|^$/],
    ['/v1/topics/{t}:trim', ['POST'], ['dryRun'], /before/],
    ['/v1/topics/{t}/records', ['GET'], reading, /x/],
    ['/v1/topics/{t}/records', ['GET'], reading, /x/],
    ['/v1/topics/{t}/records', ['POST'], ['key', 'partition'], records],
    ['/v1/topics/{t}/records', ['POST'], ['key', 'partition'], records],
    ['/v1/topics/{t}/partitions/{n}/records/{n}', ['GET'], ['format'], /x/],
    ['/v1/in/{t}', ['POST'], ['key', 'partition'], /./],
    ['/v1/records', ['POST'], [], /topic/],
    ['/v1/producers', ['POST'], [], /^$/],
    ['/v1/groups', ['GET'], ['prefix', 'limit', 'cursor'], /x/],
    ['/v1/groups/{t}', ['GET', 'GET', 'GET', 'DELETE'], ['dryRun'], /x/],
    ['/v1/groups/{t}/lag', ['GET'], [], /x/],
    ['/v1/groups/{t}/poll', ['POST'], [], /topics.*limit/],
    ['/v1/groups/{t}/ack', ['POST'], [], /lease/],
    ['/v1/groups/{t}/offsets', ['PUT'], [], /"to"/],
    ['/v1/usage', ['GET'], [], /x/],
    ['/openapi.json', ['GET'], [], /x/],
    ['/healthz', ['GET'], [], /x/],
    ['/v1/{t}', ['GET'], [], /x/],
    ['/v1/groups', ['GET'], ['prefix', 'limit', 'cursor'], /x/],
    ['/v1/groups/{g}', ['GET', 'GET', 'GET', 'DELETE'], ['dryRun'], /x/],
    ['/v1/groups/{g}/lag', ['GET'], [], /x/],
    ['/v1/groups/{g}/poll', ['POST'], [], /"topics"/],
    ['/v1/groups/{g}/poll', ['POST'], [], /"topics"/],
    ['/v1/groups/{g}/ack', ['POST'], [], /"lease"/],
    ['/v1/groups/{g}/ack', ['POST'], [], /"lease"/],
    ['/v1/groups/{g}/extend', ['POST'], [], /"lease"/],
    ['/v1/groups/{g}/release', ['POST'], [], /"lease"/],
    ['/v1/groups/{g}/offsets', ['PUT'], [], /"to"/],
    ['//v1//topics', ['GET'], [], /x/],
    ['/%', ['GET'], [], /x/],
  ]
/** Confluent's REST API, below a cluster; those that name a group, a partition or a config know of it. */
const restPaths: typeof paths = [
  ['', ['GET'], [], /x/],
  ['/topics', ['GET', 'POST'], [], /topic_name/],
  ['/topics/{t}', ['GET', 'PATCH', 'DELETE'], [], /partitions_count/],
  ['/topics/{t}/configs', ['GET'], [], /x/],
  ['/topics/-/configs', ['GET'], [], /x/],
  ['/topics/{t}/configs:alter', ['POST'], [], /"data"/],
  ['/topics/{t}/configs/{c}', ['GET', 'PUT', 'DELETE'], [], /^.."value"/],
  ['/topics/{t}/partitions', ['GET'], [], /x/],
  ['/topics/{t}/partitions/{n}', ['GET'], [], /x/],
  ['/topics/{t}/partitions/{n}/offset', ['GET'], ['offset_type'], /x/],
  ['/topics/{t}/partitions/{n}/reassignment', ['GET'], [], /x/],
  ['/topics/{t}/partitions/{n}/replicas', ['GET'], [], /x/],
  ['/consumer-groups', ['GET'], [], /x/],
  ['/consumer-groups/{g}', ['GET'], [], /x/],
  ['/consumer-groups/{g}/consumers', ['GET'], [], /x/],
  ['/consumer-groups/{g}/consumers/{g}', ['GET'], [], /x/],
  ['/consumer-groups/{g}/lags', ['GET'], [], /x/],
  ['/consumer-groups/{g}/lags/{t}/partitions/{n}', ['GET'], [], /x/],
  ['/consumer-groups/{g}/lag-summary', ['GET'], [], /x/],
  ['/topics/{t}/records', ['POST'], [], /"type"/],
  ['/topics/{t}/records', ['POST'], [], /"type"/],
  ['/topics/{t}/records:batch', ['POST'], [], /"entries"/],
  ['/acls', ['GET', 'POST', 'DELETE'], [], /x/],
  ['/acls:batch', ['POST'], [], /x/],
  ['/brokers', ['GET'], [], /x/],
  ['/brokers/{n}', ['GET'], [], /x/],
  ['/broker-configs', ['GET'], [], /x/],
  ['/broker-configs:alter', ['POST'], [], /"data"/],
  ['/nothing/{g}', ['GET'], [], /x/],
]
const groups = ['billing', 'reports', 'fuzz', 'a%2Fb%23c', '%F0%9F%99%82', '%00', '%FF', '..', 'g'.repeat(1100)]
const configs = ['retention.ms', 'cleanup.policy', 'nothing', 'a%2Fb', '%E2%82', '-']
const numbers = [
  '0',
  '1',
  '2',
  '-1',
  '-0',
  '7',
  '1e3',
  '0x10',
  '9007199254740993',
  '99999999999999999999',
  'NaN',
  '',
  ' 1',
]
const froms = [
  'earliest',
  'latest',
  '-3',
  '-99999',
  '-2h',
  '-1x',
  '2026-01-01',
  '2026-99-99',
  'p0:0',
  'p0:9,p1:1',
  'p9:0',
  'c1.',
  'c1.AAAA',
  'c9.x',
]
const wheres = [
  'value.a > 1',
  'key == "k"',
  '((((',
  'value["',
  'headers.a contains "x"',
  '!'.repeat(100),
  'value'.repeat(60),
]
const queries: readonly (readonly [string, readonly string[]])[] = [
  ['from', froms],
  ['limit', numbers],
  ['maxBytes', numbers],
  ['partition', numbers],
  ['key', ['k', '', '%FF', '🙂']],
  ['where', wheres],
  ['format', ['auto', 'json', 'string', 'bytes', 'xml']],
  ['dryRun', ['true', 'false', '1', '']],
  ['confirm', ['orders', 'x']],
  ['prefix', ['o', '']],
  ['cursor', ['b3JkZXJz', '!!', '%']],
  ['wait', ['0', '5', '-1']],
  ['offset_type', ['earliest_and_latest', 'earliest', 'x']],
  ['nothing', ['1']],
]
const types = [
  'application/json',
  'application/json',
  'application/x-ndjson',
  'text/plain',
  'application/octet-stream',
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/xml',
  ';;;',
]
const headers: readonly (readonly [string, readonly string[]])[] = [
  [
    'accept',
    [
      'application/json',
      'application/x-ndjson',
      'text/event-stream',
      'application/vnd.wadi.batch',
      'text/html',
      '*/*;q=0',
      ';q=x',
    ],
  ],
  ['idempotency-key', ['a', 'b', 'c', 'k'.repeat(256)]],
  ['if-match', ['"0:0"', '"0:1","1:0"', '*', '"9:0"', '"0:99999999999999999999"']],
  ['producer-id', numbers],
  ['producer-epoch', ['0', '1', '-1', '99999']],
  ['producer-seq', ['0', '1', '5', '4294967296']],
  ['prefer', ['return=minimal', 'return=everything']],
  ['content-encoding', ['identity', 'gzip']],
  ['content-length', ['0', '5', '99999999', '-1', 'x']],
  ['last-event-id', froms],
  ['if-none-match', ['"x"', '*']],
  ['ce-id', ['1']],
  ['ce-specversion', ['1.0', '2']],
  ['ce-source', ['/%E2%82', '/x']],
  ['ce-type', ['t']],
]
const bodies = [
  '{"value":1}',
  '{"key":"k","value":{"a":[1,2,{"b":null}]},"headers":{"a":["x","y"]},"partition":1,"timestamp":7}',
  '{"records":[{"value":"x"},{"value":{"$bytes":"aGk="}},{"value":null,"key":"k"}]}',
  '{"records":[{"topic":"orders","value":1},{"topic":"many","value":2}]}',
  '{"value":1}\n{"value":2}\n{"value":3}',
  '{"partitions":3,"retentionMs":1000,"valueFormat":"json","configs":{"retention.ms":"5"}}',
  '{"before":{"0":1}}',
  '{"beforeTime":"-1h"}',
  '{"specversion":"1.0","id":"1","source":"/x","type":"t","data":{"a":1},"partitionkey":"k"}',
  '[{"specversion":"1.0","id":"1","source":"/x","type":"t","data_base64":"aGk="}]',
  '{"value":12345678901234567890,"timestamp":1e400}',
  '{"topics":["orders","many"],"limit":3,"leaseMs":1000,"from":"earliest"}',
  '{"topics":["orders"],"limit":1,"wait":5,"from":"latest","worker":"w"}',
  '{"lease":"{lease}"}',
  '{"lease":"{lease}","upTo":{"orders":{"0":1}}}',
  '{"lease":"{lease}","failed":[{"topic":"orders","partition":0,"offset":0,"error":"no","retry":true}]}',
  '{"lease":"{lease}","leaseMs":2000}',
  '{"to":"earliest","topics":["orders"],"dryRun":true}',
  '{"to":"p0:1","topics":["orders"]}',
  '{"to":"snapshot:x"}',
  '{"topic_name":"new1","partitions_count":2,"configs":[{"name":"retention.ms","value":"5"}]}',
  '{"topic_name":"new2","replication_factor":1,"replicas_assignments":[],"validate_only":true}',
  '{"partitions_count":3}',
  '{"data":[{"name":"retention.ms","value":"9","operation":"SET"},{"name":"x"}],"validate_only":true}',
  '{"value":"5"}',
  '{"partition_id":1,"headers":[{"name":"a","value":"aGk="}],"key":{"type":"STRING","data":"k"},"value":{"type":"JSON","data":{"a":1}}}',
  '{"value":{"type":"BINARY","data":"aGk="},"timestamp":"2026-01-01T00:00:00Z"}{"value":{"type":"AVRO","data":1}}',
  '{"entries":[{"id":"1","value":{"type":"STRING","data":"x"}},{"id":"2","value":{"type":"BINARY","data":"!"}}]}',
  '{"topics":["orders","many"],"limit":3,"from":"-1h","leaseMs":1000,"worker":"w"}',
  '{"topics":["orders"],"limit":1}',
  '{"lease":"1-0000000000000001","upTo":{"orders":{"0":1}},"failed":[{"topic":"orders","partition":0,"offset":0}]}',
  '{"to":"latest","topics":["orders"]}',
  '{"to":"p0:1","topics":["json"],"dryRun":true}',
  '',
]
/** What is put between, instead of something, or twice. */
const crumbs = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ',',
  ':',
  '\\',
  '\\u',
  '\\ud800',
  '\u0000',
  '\ufeff',
  'null',
  '-',
  '1e999',
  '"__proto__":',
  '"$bytes":',
  '🙂',
  '['.repeat(60),
  '\n',
  '\r',
]

export type Made = {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Buffer
}

/** A request of one of these kinds, mutated; the same for the same dice. */
export const makeRequest = (dice: Chance, known: Known): Made =>
  dice.oneIn(10) ? framesRequest(dice, known) : pathRequest(dice, known)

/** Kafka's own frames, at a door: mostly the right one. */
const framesRequest = (dice: Chance, { topicIds, nowMs }: Known): Made => {
  const frame = fuzzFrame(dice, topicIds, nowMs)
  const anywhere = doors[dice.below(doors.length)] ?? fail()
  const door: Door = dice.oneIn(20) ? anywhere : (doorOf(frame.readInt16BE(0)) ?? anywhere)
  const bytes = dice.oneIn(4) ? mutateFrame(frame, dice).bytes : Buffer.concat([sizeOf(frame), frame])
  return {
    method: dice.oneIn(50) ? 'GET' : 'POST',
    path: `/kafka/${door}`,
    headers: {
      'content-type': dice.oneIn(50) ? 'text/plain' : 'application/octet-stream',
      ...(dice.oneIn(5) && { 'x-kafka-advertise': dice.pick(['a:1', ':', '[::1]:9', 'a:99999', 'x'.repeat(400)]) }),
    },
    body: bytes,
  }
}

const sizeOf = (frame: Buffer): Buffer => {
  const size = Buffer.alloc(4)
  size.writeInt32BE(frame.length)
  return size
}

const pathRequest = (dice: Chance, known: Known): Made => {
  const one = <Element>(list: readonly Element[]): Element => list[dice.below(list.length)] ?? fail()
  const isRest = dice.oneIn(3)
  const [template, methodsOfPath, names, wanted] = one(isRest ? restPaths : paths)
  const prefix = isRest ? `${one(['/v3', '/kafka/v3'])}/clusters/${dice.oneIn(30) ? 'x' : known.clusterId}` : ''
  const method = dice.oneIn(20) ? one(methods) : one(methodsOfPath)
  const path = `${prefix}${template}`
    .replace(/\{t\}/g, () => one(dice.oneIn(10) ? badTopics : goodTopics))
    .replace(/\{g\}/g, () => one(dice.oneIn(3) ? groups : groups.slice(0, 1)))
    .replace(/\{c\}/g, () => one(configs))
    .replace(/\{n\}/g, () => encodeURIComponent(one(dice.oneIn(3) ? numbers : ['0', '1'])))
  const own = queries.filter(([name]) => names.includes(name))
  // Most requests are sound but for one thing, or the checks before everything else are all that is tried.
  const few = own.length > 0 ? dice.below(3) : 0
  const query = Array.from({ length: dice.oneIn(15) ? 3 : few }, () => {
    const [name, values] = one(own.length === 0 || dice.oneIn(15) ? queries : own)
    return `${name}=${dice.below(8) === 0 ? one(values) : encodeURIComponent(one(values))}`
  })
  const sent: Record<string, string> = {}
  for (let i = Math.max(0, dice.below(8) - 5); i > 0; i--) {
    const [name, values] = one(headers)
    sent[name] = one(values)
  }
  const hasBody = method === 'POST' || method === 'PUT' || method === 'PATCH'
  if (hasBody) sent['content-type'] = dice.oneIn(10) ? one(types) : 'application/json'
  return {
    method,
    path: query.length > 0 ? `${path}?${query.join('&')}` : path,
    headers: sent,
    body: hasBody ? mutated(bodyFor(wanted, dice).replace('{lease}', known.lease), dice) : Buffer.alloc(0),
  }
}

const bodyFor = (wanted: RegExp, dice: Chance): string => {
  const own = bodies.filter((body) => wanted.test(body))
  const list = own.length === 0 || dice.oneIn(15) ? bodies : own
  return list[dice.below(list.length)] ?? fail()
}

const fail = (): never => {
  throw new Error('a list is not empty')
}

const mutated = (text: string, dice: Chance): Buffer => {
  let changed = text
  for (let i = Math.max(0, dice.below(5) - 2); i > 0; i--) {
    const at = dice.below(changed.length + 1)
    const length = dice.below(4)
    const crumb = dice.below(3) === 0 ? changed.slice(at, at + 20) : (crumbs[dice.below(crumbs.length)] ?? '')
    changed = changed.slice(0, at) + crumb + changed.slice(at + length)
  }
  const bytes = Buffer.from(changed)
  if (bytes.length > 0 && dice.below(10) === 0) bytes[dice.below(bytes.length)] = dice.below(256)
  return bytes
}
