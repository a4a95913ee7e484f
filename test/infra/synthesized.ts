import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App, type Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Code } from 'aws-cdk-lib/aws-lambda'
import { afterAll } from 'vitest'
import { wadiStack } from '../../lib/infra/stack.ts'
import type { Wadi } from '../../lib/infra/wadi.ts'

export type Resource = {
  readonly Type: string
  readonly Properties: Readonly<Record<string, unknown>>
  readonly DeletionPolicy?: string
  readonly UpdateReplacePolicy?: string
}

export type Synthesized = {
  readonly app: App
  readonly stack: Stack
  readonly wadi: Wadi
  readonly template: Template
  readonly resources: Readonly<Record<string, Resource>>
}

const folder = mkdtempSync(join(tmpdir(), 'wadi-synthesized-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** What it writes goes when the suite ends. */
export const testApp = (context: Readonly<Record<string, string>> = {}): App =>
  new App({ context, analyticsReporting: false, outdir: mkdtempSync(join(folder, 'cdk.out-')) })

/** Templates are about what surrounds the code, and bundling takes seconds. */
const noCode = (): Code => Code.fromInline('exports.handler = async () => {}')

/** The stack as the command deploys it under this context, but without code. */
export const synthesized = (context: Readonly<Record<string, string>> = {}): Synthesized => {
  const app = testApp(context)
  const { stack, wadi } = wadiStack(app, { code: noCode })
  const template = Template.fromStack(stack)
  return { app, stack, wadi, template, resources: template.toJSON()['Resources'] }
}

/** Resources of a type, by logical id. */
export const ofType = ({ resources }: Synthesized, type: string): Readonly<Record<string, Resource>> =>
  Object.fromEntries(Object.entries(resources).filter(([, { Type }]) => Type === type))

/** The only one of a type. */
export const only = (from: Synthesized, type: string): Resource => {
  const [one, ...more] = Object.values(ofType(from, type))
  if (one === undefined || more.length > 0) throw new Error(`not exactly one ${type}`)
  return one
}
