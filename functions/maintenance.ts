import { maintenanceFunction } from '../lib/lambda.ts'

/** Flushes, merges, checkpoints, trims and sweeps: the only function that deletes. */
export const handler = maintenanceFunction({ environment: process.env })
