import { OutcomeUnknown } from '../store/documents.ts'
import { StoreUnavailable } from '../store/items.ts'

/** The stores did not answer in time: nothing is known, another try may succeed. */
export const isOutage = (error: unknown): boolean =>
  error instanceof StoreUnavailable || error instanceof OutcomeUnknown
