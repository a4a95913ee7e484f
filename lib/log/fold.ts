import { apply } from './apply.ts'
import { decodeState, encodeState } from './checkpoint.ts'
import { decodeRow, encodeRow } from './row-bytes.ts'
import { emptyState } from './state.ts'

/** What a journal needs to know of the log: how its rows fold into a state, and both at rest. */
export const logFold = { empty: emptyState, apply, encodeRow, decodeRow, encodeState, decodeState }
