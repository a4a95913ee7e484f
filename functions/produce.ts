import { doorFunction } from '../lib/lambda.ts'

/** Produce and InitProducerId; producing over HTTP. */
export const handler = doorFunction(
  'produce',
  async (instance) => {
    const [{ functionApp }, { produceRoutes }, { restRecordRoutes }] = await Promise.all([
      import('../lib/function-app.ts'),
      import('../lib/http/produce.ts'),
      import('../lib/http/v3-records.ts'),
    ])
    return functionApp(instance, [produceRoutes, restRecordRoutes])
  },
  { environment: process.env },
)
