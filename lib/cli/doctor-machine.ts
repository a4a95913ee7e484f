import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import type { Settings } from '../environment.ts'
import { version } from '../version.ts'
import type { Finding } from './doctor.ts'

/** Node's oldest release that runs everything. */
const leastNode = 24
const host = '127.0.0.1'
/** Nobody on this machine takes longer to be there. */
const connectMs = 2000

/** What `wadi dev` needs on this machine. */
export const machineChecks = async ({ data, kafkaPort, httpPort }: Settings): Promise<readonly Finding[]> => [
  nodeCheck(),
  folderCheck(data),
  await portCheck('Kafka port', kafkaPort, '--kafka-port'),
  await portCheck('HTTP port', httpPort, '--http-port'),
]

const nodeCheck = (): Finding => {
  const says = `wadi ${version()} on Node ${process.versions.node}, ${process.platform} ${process.arch}`
  if (Number(process.versions.node.split('.')[0]) >= leastNode) return { check: 'node', state: 'ok', says }
  return { check: 'node', state: 'fail', says, todo: `install Node ${leastNode} or newer` }
}

const folderCheck = (data: string): Finding => {
  const folder = resolve(data)
  let nearest = folder
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest)
  try {
    accessSync(nearest, constants.W_OK | constants.X_OK)
    if (!statSync(nearest).isDirectory()) throw new Error('it is no folder')
  } catch {
    const says = `${nearest} is no folder that can be written to`
    return { check: 'data', state: 'fail', says, todo: 'make it writable, or name another with --data or WADI_DATA' }
  }
  if (nearest !== folder) return { check: 'data', state: 'ok', says: `${folder} is made by the first wadi dev` }
  const owner = ownerOf(folder)
  return { check: 'data', state: 'ok', says: owner === undefined ? folder : `${folder}, in use by process ${owner}` }
}

/** The process that has it, if that one lives. */
const ownerOf = (folder: string): number | undefined => {
  try {
    const pid = Number(readFileSync(join(folder, 'owner'), 'utf8'))
    process.kill(pid, 0)
    return pid
  } catch {
    return undefined
  }
}

const portCheck = async (check: string, port: number, flag: string): Promise<Finding> => {
  if (!(await isTaken(port))) return { check, state: 'ok', says: `${port} is free` }
  const todo = `fine if that is Wadi; otherwise wadi dev needs another: ${flag}`
  return { check, state: 'warn', says: `something listens on ${host}:${port}`, todo }
}

const isTaken = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect({ host, port, timeout: connectMs })
    const end = (taken: boolean) => (): void => {
      socket.destroy()
      done(taken)
    }
    socket.on('connect', end(true)).on('error', end(false)).on('timeout', end(false))
  })
