import type { Part } from './api.ts'
import { ackRoutes } from './groups-ack.ts'
import { describeRoutes } from './groups-describe.ts'
import { lagRoute } from './groups-lag.ts'
import { offsetsRoute } from './groups-offsets.ts'
import { pollRoute } from './groups-poll.ts'

/** Groups: records lent to workers, acknowledged or failed; described, moved, deleted, whoever uses them. */
export const groupRoutes: Part = (api) => [
  pollRoute(api),
  ...ackRoutes(api),
  offsetsRoute(api),
  lagRoute(api),
  ...describeRoutes(api),
]
