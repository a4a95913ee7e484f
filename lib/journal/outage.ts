import { DamagedDocument } from '../store/document-shape.ts'
import { OutcomeUnknown } from '../store/documents.ts'
import { StoreUnavailable } from '../store/items.ts'
import { JournalDamaged } from './journal.ts'

/** The stores did not answer in time: nothing is known, another try may succeed. */
export const isOutage = (error: unknown): boolean =>
  error instanceof StoreUnavailable || error instanceof OutcomeUnknown

/** Something that was stored is not there or not as it was written. */
export const isDamage = (error: unknown): boolean => error instanceof JournalDamaged || error instanceof DamagedDocument
