/** `authorization` for a key, a token alone or as `name:token`; nothing for an API that asks for none. */
export const keyHeaders = (apiKey: string | undefined): Readonly<Record<string, string>> => {
  if (apiKey === undefined) return {}
  const isNamed = apiKey.includes(':')
  return { authorization: isNamed ? `Basic ${Buffer.from(apiKey).toString('base64')}` : `Bearer ${apiKey}` }
}
