import { doorFunction } from '../lib/lambda.ts'

/** Topics, configs, the cluster; whatever else is asked over HTTP. */
export const handler = doorFunction(
  'admin',
  async (instance) => {
    const [{ functionApp, documentBesideBundle }, { topicRoutes }, { restTopicRoutes }] = await Promise.all([
      import('../lib/function-app.ts'),
      import('../lib/http/topics.ts'),
      import('../lib/http/v3-topics.ts'),
    ])
    return functionApp(instance, [topicRoutes, restTopicRoutes, documentBesideBundle])
  },
  { environment: process.env },
)
