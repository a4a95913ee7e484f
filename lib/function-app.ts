import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hono } from 'hono'
import type { Part } from './http/api.ts'
import { httpApp } from './http/app.ts'
import { functionBodyLimits } from './http/body-limits.ts'
import { writtenDocument } from './http/openapi-written.ts'
import type { Instance } from './instance.ts'
import { version } from './version.ts'

/** A part of the HTTP API over the instance of a function. */
export const functionApp = ({ usage, context }: Instance, parts: readonly Part[]): Hono =>
  httpApp({
    version: version(),
    commit: process.env['WADI_COMMIT'] || undefined,
    isReady: () => true,
    usage,
    context,
    parts,
    // An answer leaves a function when it is whole: a stream is one page, and its reader comes back for the next.
    maxStreamMs: 1,
    maxAnswerBytes: functionBodyLimits.maxReplyBytes,
    log: context.log,
  })

/** The document of all routes, which lies beside the bundle where the stack has made it. */
export const documentBesideBundle: Part = (api) => writtenDocument(readDocument)(api)

const readDocument = async (): Promise<string | undefined> => {
  const folder = process.env['LAMBDA_TASK_ROOT']
  return folder ? readFile(join(folder, 'openapi.json'), 'utf8').catch(() => undefined) : undefined
}
