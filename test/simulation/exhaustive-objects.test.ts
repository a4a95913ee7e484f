import { largeObjectModels, objectModels } from './exhaustive-models.ts'
import { searchTests } from './exhaustive-tests.ts'

searchTests('no order of events loses an object that is named', { small: objectModels, large: largeObjectModels })
