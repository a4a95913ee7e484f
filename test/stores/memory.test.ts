import { memoryItems, memoryObjects } from '../../lib/store/memory.ts'
import { itemsContract } from './items.contract.ts'
import { objectsContract } from './objects.contract.ts'

itemsContract('memory', async () => ({ items: memoryItems(), close: async () => {} }))
objectsContract('memory', async () => ({ objects: memoryObjects(() => 0), close: async () => {} }))
