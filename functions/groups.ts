import { doorFunction } from '../lib/lambda.ts'

/** Consumer groups and their offsets; what is lent to workers over HTTP. */
export const handler = doorFunction(
  'groups',
  async (instance) => {
    const [{ functionApp }, { groupRoutes }, { restGroupRoutes }] = await Promise.all([
      import('../lib/function-app.ts'),
      import('../lib/http/groups.ts'),
      import('../lib/http/v3-groups.ts'),
    ])
    return functionApp(instance, [groupRoutes, restGroupRoutes])
  },
  { environment: process.env },
)
