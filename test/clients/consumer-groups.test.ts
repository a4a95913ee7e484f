import { describe } from 'vitest'
import { groupTranscripts } from '../support/group-transcripts.ts'
import { skipWithout, tryKafkaTool } from '../support/tools.ts'

describe.skipIf(skipWithout('kafka'))(
  'kafka-consumer-groups',
  groupTranscripts((args) => tryKafkaTool('kafka-consumer-groups', args)),
)
