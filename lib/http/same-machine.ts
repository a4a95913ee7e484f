import { type Answer, problemAnswer } from './exchange.ts'

/** What a request says of where it was sent to, and of the web page that sent it: its headers `host` and `origin`. */
export type Sent = { readonly host: string | undefined; readonly origin: string | undefined }

/**
 * Refuses what a web page may have sent. A server that asks nobody for a key trusts everybody on its machine, and a
 * browser there runs pages of everybody: one can post to any address without asking, and one whose name is made to stand
 * for 127.0.0.1 (DNS rebinding) can read the answers too. The first says its origin, the second asks for its own name.
 */
export const refusalOfPages = ({ host = '', origin }: Sent): Answer | undefined => {
  if (!loopback.test(host)) {
    return forbidden(
      `This server lets everybody in who asks for it by a name of this machine, and not as "${host.slice(0, 100)}".`,
      'Ask for 127.0.0.1 or localhost, or set WADI_API_KEYS and send a key.',
    )
  }
  if (origin === undefined || isSameOrigin(origin, host)) return undefined
  return forbidden(
    'A web page of another origin sends this request, and this server asks nobody for a key.',
    'Ask from outside of a browser, or from a page of this server.',
  )
}

/** `localhost` and names under it, 127.0.0.0/8 and ::1, with a port or without; names of this machine, wherever DNS is. */
const loopback = /^(([a-z0-9-]+\.)*localhost\.?|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i

const isSameOrigin = (origin: string, host: string): boolean => {
  const page = URL.parse(origin)
  const here = URL.parse(`${page?.protocol}//${host}`)
  return page !== null && here !== null && /^https?:$/.test(page.protocol) && page.host === here.host
}

const forbidden = (detail: string, hint: string): Answer => problemAnswer({ code: 'FORBIDDEN', detail, hint })
