import { journalModels, largeJournalModels } from './exhaustive-models.ts'
import { searchTests } from './exhaustive-tests.ts'

searchTests('no order of events loses or doubles anything', { small: journalModels, large: largeJournalModels })
