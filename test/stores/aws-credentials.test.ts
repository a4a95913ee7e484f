import { afterEach, expect, test, vi } from 'vitest'
import { settingsFrom } from '../../lib/environment.ts'
import { temporaryFile } from '../support/tools.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

const keys = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret' }

test.each([
  [keys, { accessKeyId: 'AKIA', secretAccessKey: 'secret' }],
  [
    { ...keys, AWS_SESSION_TOKEN: 'token' },
    { accessKeyId: 'AKIA', secretAccessKey: 'secret', sessionToken: 'token' },
  ],
])('credentials of the environment are taken as they are: %o', async (environment, expected) => {
  const { dynamo, s3 } = settingsFrom(environment).aws
  expect(await dynamo.credentials()).toEqual(expected)
  expect(await s3.credentials()).toEqual(expected)
})

test.each([{}, keys])(
  'a profile is looked up where it is kept, also when the environment has keys: %o',
  async (environment) => {
    const file = temporaryFile('credentials', '[wadi]\naws_access_key_id = AKIAFILE\naws_secret_access_key = secret\n')
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file)
    vi.stubEnv('AWS_CONFIG_FILE', file)
    vi.stubEnv('AWS_PROFILE', 'wadi')
    const { credentials } = settingsFrom({ ...environment, AWS_PROFILE: 'wadi' }).aws.dynamo
    expect(await credentials()).toMatchObject({ accessKeyId: 'AKIAFILE', secretAccessKey: 'secret' })
  },
)
