import type { PartResult, Task } from './part.ts'
import { parts } from './parts.ts'

/** What a worker tells whoever started it. */
export type WorkerMessage = { readonly progress: string } | { readonly result: PartResult }

const task: Task = JSON.parse(process.argv[2] ?? '')
const tell = (message: WorkerMessage): void => void process.send?.(message)
// Ctrl-C is for whoever started this.
process.on('SIGINT', () => {})
// Nobody waits for the result any more.
process.once('disconnect', () => process.exit(1))

const part = parts.find(({ name }) => name === task.part)
if (part === undefined) throw new Error(`there is no part ${task.part}`)
const result = await part.run(task, (progress) => tell({ progress }))
process.send?.({ result }, () => process.exit(0))
