import type { ResponseInput } from '../../protocol/declare.ts'
import { errors } from '../../protocol/errors.ts'
import type { InitProducerId } from '../../protocol/messages/init-producer-id.ts'
import type { Handler } from '../context.ts'

const none = -1n
/** The highest epoch that is given; the one above stays free for fencing (KIP-360). */
const lastEpoch = 2 ** 15 - 2

/** An id that nobody has, or the next epoch of the producer's own. */
export const initProducerId: Handler<typeof InitProducerId> = async (request, call) => {
  const { transactionalId, producerId, producerEpoch } = request
  // Producers with a transactional id end with this error at once, instead of trying until their time is up.
  if (transactionalId !== null) return initFailed(errors.UNSUPPORTED_VERSION)
  if (producerId < none || producerEpoch < -1 || (producerId === none) !== (producerEpoch === -1)) {
    return initFailed(errors.INVALID_REQUEST)
  }
  if (producerId !== none && producerEpoch < lastEpoch) {
    return { errorCode: errors.NONE, producerId, producerEpoch: producerEpoch + 1 }
  }
  return { errorCode: errors.NONE, producerId: await call.producerIds.next(), producerEpoch: 0 }
}

/** When the stores do not answer, producers of all versions try again after this error and no other. */
export const initFailed = (errorCode: number): ResponseInput<typeof InitProducerId> => ({
  errorCode: errorCode === errors.REQUEST_TIMED_OUT ? errors.COORDINATOR_LOAD_IN_PROGRESS : errorCode,
  producerId: none,
  producerEpoch: -1,
})
