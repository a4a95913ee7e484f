import { describe } from 'vitest'
import { compat } from '../support/compat.ts'
import { groupTranscripts } from '../support/group-transcripts.ts'

describe(
  'wadi compat kafka-consumer-groups prints what Kafka’s own prints',
  groupTranscripts((args) => compat('kafka-consumer-groups', args)),
)
