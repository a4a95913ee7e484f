/** What a process ends with; scripts depend on it. */
export const exits = {
  ok: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  /** Who asks is not known, or may not. */
  auth: 4,
  /** Something is not as it was expected to be: exists already, differs, is fenced. */
  conflict: 5,
  throttled: 6,
  timeout: 7,
} as const

export type Exit = (typeof exits)[keyof typeof exits]

/** What was typed means nothing: the message says what, and the command's help follows. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** It cannot be done: the message says what, why and what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exit: Exit

  constructor(message: string, exit: Exit = exits.error, options?: ErrorOptions) {
    super(message, options)
    this.exit = exit
  }
}

/** What a person is told of an error; undefined for a bug. `portFlags` are the flags that choose other ports. */
export const failureOf = async (error: unknown, portFlags: string): Promise<UsageError | CommandError | undefined> => {
  if (error instanceof UsageError || error instanceof CommandError) return error
  if (!(error instanceof Error)) return undefined
  // Loaded when something has failed: most commands never need what throws these.
  const { SettingsError } = await import('../environment.ts')
  if (error instanceof SettingsError) return new UsageError(error.message, { cause: error })
  const exit = await exitOf(error)
  const message = exit === undefined ? portProblem(error, portFlags) : error.message
  return message === undefined ? undefined : new CommandError(message, exit, { cause: error })
}

/** What a command ends with after an error whose message says what to do; undefined for any other. */
const exitOf = async (error: Error): Promise<Exit | undefined> => {
  const { StoreSetupError, StoreUnavailable } = await import('../store/items.ts')
  if (error instanceof StoreSetupError || error instanceof StoreUnavailable) return exits.error
  const { RemoteRefused, RemoteSilent } = await import('../gateway/remote.ts')
  if (error instanceof RemoteRefused || error instanceof RemoteSilent) return exits.error
  const { LoginRefused, NoBroker, UnsupportedSetting } = await import('../client/connection.ts')
  if (error instanceof LoginRefused) return exits.auth
  return error instanceof UnsupportedSetting || error instanceof NoBroker ? exits.error : undefined
}

const portProblem = (error: Error, portFlags: string): string | undefined => {
  if (!('code' in error) || !('port' in error)) return undefined
  const host = 'address' in error ? error.address : 'this machine'
  const where = `port ${error.port} on ${host}`
  const other = `choose another with ${portFlags}`
  if (error.code === 'EADDRINUSE') return `${where} is in use: stop what listens there, or ${other}`
  if (error.code === 'EACCES') return `${where} is not for everybody: ${other}`
  if (error.code === 'EADDRNOTAVAIL') return `${host} is no address of this machine: choose another with --host`
  return undefined
}
