import { doorFunction } from '../lib/lambda.ts'

/** Fetch, ListOffsets and OffsetForLeaderEpoch; reading over HTTP. */
export const handler = doorFunction(
  'fetch',
  async (instance) => {
    const [{ functionApp }, { readRoutes }] = await Promise.all([
      import('../lib/function-app.ts'),
      import('../lib/http/read.ts'),
    ])
    return functionApp(instance, [readRoutes])
  },
  { environment: process.env },
)
