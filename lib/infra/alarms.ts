import { Duration } from 'aws-cdk-lib'
import {
  Alarm,
  type AlarmProps,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import type { Functions } from './api.ts'
import { doors } from './permissions.ts'

export type Watched = {
  readonly apiId: string
  readonly functions: Functions
  readonly maintenance: IFunction
  readonly tableName: string
}

const period = Duration.minutes(5)
/** A producer waits so long for its acknowledgement before anybody is told. */
const maxProduceP99 = Duration.seconds(5)
/** Maintenance is cut off at five minutes. */
const maxMaintenance = Duration.minutes(4)

/** Metrics that AWS keeps for nothing; a metric of one's own would cost $0.30 a month. */
export const metrics = {
  serverErrors: ({ apiId }: Watched): Metric => apiMetric(apiId, '5xx', 'Sum'),
  requests: ({ apiId }: Watched): Metric => apiMetric(apiId, 'Count', 'Sum'),
  produceLatency: ({ functions }: Watched): Metric => functions.produce.metricDuration({ statistic: 'p99', period }),
  throttles: ({ functions }: Watched): Metric => functions.produce.metricThrottles({ statistic: 'Sum', period }),
  maintenanceErrors: ({ maintenance }: Watched): Metric => maintenance.metricErrors({ statistic: 'Sum', period }),
  maintenanceRuns: ({ maintenance }: Watched): Metric => maintenance.metricInvocations({ statistic: 'Sum', period }),
  maintenanceDuration: ({ maintenance }: Watched): Metric =>
    maintenance.metricDuration({ statistic: 'Maximum', period }),
  tableThrottles: ({ tableName }: Watched): Metric => tableMetric(tableName, 'WriteThrottleEvents'),
}

/**
 * Seven alarms, each with a chapter in `runbook.md`. An alarm costs $0.10 a month beyond the account's ten free ones.
 * They tell nobody unless there is a topic to tell.
 */
export class Alarms extends Construct {
  readonly alarms: readonly Alarm[]

  constructor(scope: Construct, id: string, watched: Watched, notify: ITopic | undefined) {
    super(scope, id)
    const alarm = (name: string, description: string, props: Omit<AlarmProps, 'alarmDescription'>): Alarm => {
      const made = new Alarm(this, name, { alarmDescription: `${description} (runbook: ${name})`, ...props })
      if (notify) made.addAlarmAction(new SnsAction(notify))
      return made
    }
    /** At least `threshold` in each of the last three periods. */
    const lasting = (metric: IMetric, threshold: number) => ({
      metric,
      threshold,
      evaluationPeriods: 3,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    })
    this.alarms = [
      alarm('ServerErrors', 'requests end with 5xx', lasting(metrics.serverErrors(watched), 5)),
      alarm(
        'SlowProduce',
        'producing is slow',
        lasting(metrics.produceLatency(watched), maxProduceP99.toMilliseconds()),
      ),
      alarm('Throttled', 'functions are refused by Lambda', lasting(metrics.throttles(watched), 1)),
      alarm('TableThrottled', 'DynamoDB refuses writes', lasting(metrics.tableThrottles(watched), 1)),
      alarm('MaintenanceFails', 'maintenance fails', lasting(metrics.maintenanceErrors(watched), 1)),
      alarm(
        'MaintenanceSlow',
        'maintenance does not keep up',
        lasting(metrics.maintenanceDuration(watched), maxMaintenance.toMilliseconds()),
      ),
      alarm('MaintenanceStopped', 'maintenance does not run', {
        ...lasting(metrics.maintenanceRuns(watched), 1),
        comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
        treatMissingData: TreatMissingData.BREACHING,
      }),
    ]
  }
}

/** Everything on one page. A dashboard costs $3 a month beyond the account's three free ones. */
export const addDashboard = (scope: Construct, id: string, watched: Watched): Dashboard => {
  const { functions, maintenance } = watched
  const graph = (title: string, ...left: IMetric[]): GraphWidget => new GraphWidget({ title, left, width: 12 })
  return new Dashboard(scope, id, {
    widgets: [
      [
        graph('Requests', metrics.requests(watched), metrics.serverErrors(watched)),
        graph('Calls by function', ...doors.map((door) => functions[door].metricInvocations({ label: door, period }))),
      ],
      [
        graph(
          'p99, ms',
          ...doors.map((door) => functions[door].metricDuration({ label: door, statistic: 'p99', period })),
        ),
        graph('Refused', metrics.throttles(watched), metrics.tableThrottles(watched)),
      ],
      [
        graph('Maintenance, ms', metrics.maintenanceDuration(watched)),
        graph('Maintenance', metrics.maintenanceRuns(watched), maintenance.metricErrors({ period })),
      ],
    ],
  })
}

const apiMetric = (apiId: string, metricName: string, statistic: string): Metric =>
  new Metric({ namespace: 'AWS/ApiGateway', metricName, statistic, period, dimensionsMap: { ApiId: apiId } })

const tableMetric = (tableName: string, metricName: string): Metric =>
  new Metric({
    namespace: 'AWS/DynamoDB',
    metricName,
    statistic: 'Sum',
    period,
    dimensionsMap: { TableName: tableName },
  })
