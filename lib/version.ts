import about from '../package.json' with { type: 'json' }

/** The version of this build, as `package.json` has it; in a bundle too. */
export const version = (): string => about.version
