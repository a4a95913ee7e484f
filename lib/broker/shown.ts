/** Of a name that a client made up, in a message to it. */
const shownCharacters = 300

/** A name as it is quoted: a message must fit into a string of the protocol, whatever the name is. */
export const shown = (name: string): string =>
  name.length > shownCharacters ? `${name.slice(0, shownCharacters)}…` : name
