import { Validations } from 'aws-cdk-lib'
import { Bucket } from 'aws-cdk-lib/aws-s3'
import { AwsSolutionsChecks } from 'cdk-nag'
import { expect, test } from 'vitest'
import { synthesized } from './synthesized.ts'

/** The first synthesis of a process loads all of the library. */
const slowMs = 120_000

const keys = { auth: 'apiKeys', apiKeys: `one:${'a'.repeat(64)}` }

test.each([
  {},
  keys,
  { functionUrls: 'true' },
  { ephemeral: 'true' },
  { existingTable: 'left-table', existingBucket: 'left-bucket' },
])('cdk-nag finds nothing that is not explained: %j', { timeout: slowMs }, (context) => {
  const { app } = synthesized(context)
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  expect(() => app.synth({ force: true })).not.toThrow()
})

test('cdk-nag would find something', { timeout: slowMs }, () => {
  const { app, stack } = synthesized()
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  new Bucket(stack, 'Open')
  expect(() => app.synth({ force: true })).toThrow(/S3 Bucket has server access logs disabled/)
})

test('what is acknowledged is little, and each has its reason', { timeout: slowMs }, () => {
  const { app, stack } = synthesized({ ...keys, ephemeral: 'true' })
  app.synth()
  const acknowledged = stack.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(({ data }): readonly (readonly [string, unknown])[] => Object.entries(data))
  expect(acknowledged.length).toBeGreaterThan(0)
  const rules = new Set(acknowledged.map(([id]) => id.replace(/\[.*/s, '')))
  expect(rules.size).toBeLessThanOrEqual(15)
  for (const [, reason] of acknowledged) expect(String(reason).length).toBeGreaterThan(20)
})
