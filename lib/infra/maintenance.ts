import { Duration } from 'aws-cdk-lib'
import { Rule, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets'
import { Construct } from 'constructs'
import { Handler, type HandlerProps } from './handlers.ts'

export type MaintenanceProps = Omit<HandlerProps, 'timeout' | 'reservedConcurrency'> & {
  readonly every: Duration
  readonly reservesConcurrency: boolean
}

/** Two passes at once would do no harm, only cost twice. */
const maxConcurrency = 1
const timeout = Duration.minutes(5)

/** The function that flushes, trims, sweeps and deletes, and the clock that calls it. Rules of EventBridge cost nothing. */
export class Maintenance extends Construct {
  readonly handler: Handler

  constructor(scope: Construct, id: string, { every, reservesConcurrency, ...props }: MaintenanceProps) {
    super(scope, id)
    this.handler = new Handler(this, 'maintenance', {
      ...props,
      timeout,
      ...(reservesConcurrency && { reservedConcurrency: maxConcurrency }),
    })
    new Rule(this, 'Clock', {
      schedule: Schedule.rate(every),
      // What fails or comes too late is done by the next call.
      targets: [new LambdaFunction(this.handler.function, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
    })
  }
}
