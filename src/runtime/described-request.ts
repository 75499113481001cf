/** RFC 5737: an address that is nobody's, so that no listener takes the client of a described request for a trusted proxy. */
export const PEER_ADDRESS = '192.0.2.1'

/** A request described on a command line, or to the admin listener. */
export interface DescribedRequest {
  readonly method: string
  /** A URL (`http://…`, `https://…`), or a path with or without query. */
  readonly url: string
  /** Each `Name: value`. */
  readonly headers: readonly string[]
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** What no URL holds as it is (RFC 3986, 2). */
const NO_URL = /[^!-~]+|["<>\\^`{|}]/g

/**
 * The head that an ordinary client would send for it: no fragment, what a URL may not hold percent-encoded, and a Host, which a header
 * overrides; dot segments stay, for the gateway to judge.
 * @param defaultHost for a path alone.
 * @returns the bytes, or what is wrong with the description.
 */
export function headOf({ method, url, headers }: DescribedRequest, defaultHost: string): Buffer | { readonly problem: string } {
  if (!TOKEN.test(method)) return { problem: `${JSON.stringify(method)} is no method` }
  const parts = /^(?:https?:\/\/([^/?#]+))?((?:\/[^?#]*)?(?:\?[^#]*)?)(?:#.*)?$/is.exec(url)
  const [, authority, target = ''] = parts ?? []
  if (parts === null || (authority === undefined && !target.startsWith('/'))) {
    return { problem: `${JSON.stringify(url)} is neither a URL nor a path, which begins with /` }
  }
  const fields: string[] = []
  for (const header of headers) {
    const [, name = '', value = ''] = /^([^:]*):[ \t]*(.*)$/s.exec(header) ?? []
    if (!TOKEN.test(name) || hasControl(value)) return { problem: `${JSON.stringify(header)} is no header: expected 'Name: value'` }
    fields.push(`${name}: ${value}`)
  }
  if (authority !== undefined && (hasControl(authority) || /\s/.test(authority)))
    return { problem: `${JSON.stringify(authority)} is no host` }
  if (!fields.some((field) => /^host:/i.test(field))) fields.unshift(`Host: ${authority ?? defaultHost}`)
  const path = target.startsWith('/') ? target : `/${target}`
  const encoded = path.toWellFormed().replaceAll(NO_URL, encodeURIComponent)
  return Buffer.from(`${method} ${encoded} HTTP/1.1\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`)
}

/** Whether a text holds what would end its line, or any other control character but the tab. */
function hasControl(text: string): boolean {
  return /[^\P{Cc}\t]/u.test(text)
}
