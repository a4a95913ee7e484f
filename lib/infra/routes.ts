import { type Door, doors } from './permissions.ts'

type Method = 'ANY' | 'GET' | 'POST'

/** A path as API Gateway writes it: `{name}` is one segment, `{name+}` the rest. */
export type Route = { readonly method: Method; readonly path: string; readonly door: Door }

/** Confluent's REST API is answered under both. */
const confluentPrefixes = ['/v3', '/kafka/v3']

/** Which function answers what. Whatever is not in the list is answered by `admin`. */
export const routes: readonly Route[] = [
  ...doors.map((door): Route => ({ method: 'POST', path: `/kafka/${door}`, door })),
  { method: 'POST', path: '/v1/topics/{topic}/records', door: 'produce' },
  { method: 'POST', path: '/v1/records', door: 'produce' },
  { method: 'POST', path: '/v1/in/{topic}', door: 'produce' },
  { method: 'POST', path: '/v1/producers', door: 'produce' },
  { method: 'GET', path: '/v1/topics/{topic}/records', door: 'fetch' },
  { method: 'GET', path: '/v1/topics/{topic}/partitions/{partition}/records/{offset}', door: 'fetch' },
  { method: 'ANY', path: '/v1/groups', door: 'groups' },
  { method: 'ANY', path: '/v1/groups/{rest+}', door: 'groups' },
  ...confluentPrefixes.flatMap((prefix): readonly Route[] => [
    { method: 'POST', path: `${prefix}/clusters/{cluster}/topics/{topic}/records`, door: 'produce' },
    { method: 'POST', path: `${prefix}/clusters/{cluster}/topics/{topic}/records:batch`, door: 'produce' },
    { method: 'GET', path: `${prefix}/clusters/{cluster}/consumer-groups`, door: 'groups' },
    { method: 'GET', path: `${prefix}/clusters/{cluster}/consumer-groups/{rest+}`, door: 'groups' },
  ]),
]
