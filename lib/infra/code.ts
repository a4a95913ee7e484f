import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AssetHashType, DockerImage } from 'aws-cdk-lib'
import { Code } from 'aws-cdk-lib/aws-lambda'
import { buildSync } from 'esbuild'
import { bundleFile, bundleOptions, type FunctionName } from './bundle.ts'

const folder = fileURLToPath(new URL('../../functions', import.meta.url))

const command = fileURLToPath(new URL('../cli/main.ts', import.meta.url))

/** The function that answers `/openapi.json`: making the document itself would take more than a bundle may weigh. */
const documented: FunctionName = 'admin'
const documentFile = 'openapi.json'
const openApi = (): Buffer => execFileSync(process.execPath, [command, 'openapi'], { timeout: maxOpenApiMs })
const maxOpenApiMs = 60_000

/** A function's code in one file, made by esbuild on this machine. */
export const functionCode = (name: FunctionName): Code =>
  Code.fromAsset(folder, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // Neither is used: what bundles is in this process. But assets with the same options are taken for the same asset.
      image: DockerImage.fromRegistry('none'),
      command: [name],
      local: {
        tryBundle: (outputFolder) => {
          buildSync({
            ...bundleOptions,
            entryPoints: [join(folder, `${name}.ts`)],
            outfile: join(outputFolder, bundleFile),
          })
          if (name === documented) writeFileSync(join(outputFolder, documentFile), openApi())
          return true
        },
      },
    },
  })
