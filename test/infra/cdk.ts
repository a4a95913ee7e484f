import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs the command as a person does, in this folder; what it printed. Throws with all of that when it fails. */
export const cdk = async (
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const env = { ...process.env, CDK_DISABLE_CLI_TELEMETRY: 'true', NO_COLOR: '1', ...environment }
  const { stdout, stderr } = await promisify(execFile)('npx', ['cdk', '--no-notices', ...args], { cwd: root, env })
  return stdout + stderr
}
