import type { Part } from './api.ts'
import { groupRoutes } from './groups.ts'
import { documentPart } from './openapi.ts'
import { produceRoutes } from './produce.ts'
import { readRoutes } from './read.ts'
import { topicRoutes } from './topics.ts'
import { restGroupRoutes } from './v3-groups.ts'
import { restRecordRoutes } from './v3-records.ts'
import { restTopicRoutes } from './v3-topics.ts'

const parts: readonly Part[] = [
  topicRoutes,
  produceRoutes,
  readRoutes,
  groupRoutes,
  restRecordRoutes,
  restGroupRoutes,
  restTopicRoutes,
]

/** The whole HTTP API, for a server of one's own. Functions name the parts they are for. */
export const everyPart: readonly Part[] = [...parts, documentPart(parts)]
