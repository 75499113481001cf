import { isIP } from 'node:net'
import type { Headers } from '../../core/headers.ts'

/**
 * The true client behind trusted proxies: the last address of X-Forwarded-For that is not a trusted proxy itself. A client can write
 * what it likes in front of the list, so it is read from the end. At most 32 addresses are looked at.
 * @param peer the connection's own address, which is trusted.
 */
export function clientBehindProxies(headers: Headers, peer: string, isTrusted: (address: string) => boolean): string {
  const joined = headers.getJoined('X-Forwarded-For')
  if (joined === undefined) return peer
  const entries = joined.split(',').slice(-32)
  let client = peer
  for (let i = entries.length - 1; i >= 0; i--) {
    const address = plainAddress(entries[i] as string)
    // What is no address was not written by a proxy we can believe: nothing before it counts either.
    if (address === null) return client
    client = address
    if (!isTrusted(address)) return client
  }
  return client
}

/** An address without port and brackets, or null when it is none. */
function plainAddress(entry: string): string | null {
  let text = entry.trim()
  if (text.startsWith('[')) text = text.slice(1, Math.max(1, text.indexOf(']')))
  else if (text.includes('.') && text.includes(':') && isIP(text) === 0) text = text.slice(0, text.indexOf(':'))
  return isIP(text) === 0 ? null : text
}

/** An IPv4 address that came in on an IPv6 socket, without its mapping prefix (RFC 4291, 2.5.5.2). */
export function unmapAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
