import { atRestTargets } from './at-rest-targets.ts'
import { batchTargets } from './batch-targets.ts'
import { brokerTarget } from './broker-target.ts'
import { compressionTargets } from './compression-targets.ts'
import { documentTargets } from './document-targets.ts'
import { httpTargets } from './http-targets.ts'
import { protocolTargets } from './protocol-targets.ts'
import type { Target } from './target.ts'
import { textTargets } from './text-targets.ts'

/** Everything that reads bytes from outside or from the stores. */
export const allTargets: readonly Target[] = [
  ...protocolTargets,
  ...batchTargets,
  ...compressionTargets,
  ...atRestTargets,
  ...documentTargets,
  ...textTargets,
  ...httpTargets,
  brokerTarget,
]
