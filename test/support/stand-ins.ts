/**
 * DynamoDB and S3 in a process of their own, with an empty table and bucket: prints the environment of a Wadi that keeps
 * its records there as one line of JSON, and ends when its stdin does. For the bench, whose servers end like machines do.
 */
import { createBucket, createTable, environmentOf, startEmulator } from './emulator.ts'

const emulator = await startEmulator()
await createTable(emulator.dynamo, 'wadi')
await createBucket(emulator.s3, 'wadi')
process.stdout.write(`${JSON.stringify(environmentOf(emulator))}\n`)
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
