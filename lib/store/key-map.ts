/** Values by key. Keys are kept by their folders, so that a listing touches little else than what it asks for. */
type KeyMap<Value> = {
  readonly get: (key: string) => Value | undefined
  readonly set: (key: string, value: Value) => void
  readonly delete: (key: string) => void
  /** The keys that start with `prefix`, in no order. */
  readonly below: (prefix: string) => readonly string[]
}

export const keyMap = <Value>(): KeyMap<Value> => {
  const folders = new Map<string, Map<string, Value>>()

  return {
    get: (key) => folders.get(folderOf(key))?.get(key),

    set: (key, value) => {
      const folder = folderOf(key)
      const values = folders.get(folder)
      if (values === undefined) folders.set(folder, new Map([[key, value]]))
      else values.set(key, value)
    },

    delete: (key) => {
      const folder = folderOf(key)
      const values = folders.get(folder)
      if (values?.delete(key) && values.size === 0) folders.delete(folder)
    },

    below: (prefix) => {
      const found: string[] = []
      for (const [folder, values] of folders) {
        if (!folder.startsWith(prefix) && !prefix.startsWith(folder)) continue
        for (const key of values.keys()) if (key.startsWith(prefix)) found.push(key)
      }
      return found
    },
  }
}

const folderOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 1)
