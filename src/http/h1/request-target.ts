import type { ErrorCode } from '../../core/errors.ts'
import type { RequestHead } from '../../core/exchange.ts'
import { normalisePath } from '../../core/path.ts'

/** RFC 3986, 3.2: a registered name or IPv4 address, or an IPv6 literal, with an optional port; or nothing. User information is refused. */
const AUTHORITY = /^(?:([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?)?$/

/** Methods that come often, so that no string is made for each request. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']

/** The method at `bytes[start..end)`, interned when it is a common one. */
export function methodAt(bytes: Buffer, start: number, end: number): string {
  for (const method of METHODS) {
    if (method.length !== end - start) continue
    let i = 0
    while (i < method.length && bytes[start + i] === method.charCodeAt(i)) i++
    if (i === method.length) return method
  }
  return bytes.latin1Slice(start, end)
}

/**
 * Takes the request target apart (RFC 9112, 3.2) into `head.path`, `query`, `authority` and `host`.
 * `head.authority` holds the Host field's value before.
 * @returns the code to refuse the request with, or null.
 */
export function readTarget(head: RequestHead): ErrorCode | null {
  const { target } = head
  if (head.method === 'CONNECT') return 'method_not_supported'
  let rest = target
  if (target.charCodeAt(0) !== 0x2f) {
    // 3.2.4: the asterisk form is for OPTIONS alone; it names no path that a route could take.
    if (target === '*' && head.method === 'OPTIONS') {
      head.path = '*'
      head.query = ''
      return readAuthority(head)
    }
    const absolute = /^https?:\/\/([^/?]+)(.*)$/i.exec(target)
    if (absolute === null) return 'request_malformed'
    const authority = absolute[1] as string
    // 3.2.2: the target's authority counts. One that differs from Host would be read differently by whoever looks at the other.
    if (head.minorVersion === 1 && authority.toLowerCase() !== head.authority.toLowerCase()) return 'request_malformed'
    head.authority = authority
    rest = absolute[2] as string
  }
  const question = rest.indexOf('?')
  const raw = question === -1 ? rest : rest.slice(0, question)
  head.query = question === -1 ? '' : rest.slice(question + 1)
  const path = normalisePath(raw)
  if (path === null) return readAuthority(head) ?? 'request_path_invalid'
  head.path = path
  return readAuthority(head)
}

let lastAuthority = ''
let lastHost = ''

function readAuthority(head: RequestHead): ErrorCode | null {
  // Most requests of a worker name the same host.
  if (head.authority !== lastAuthority) {
    const match = AUTHORITY.exec(head.authority)
    if (match === null) return 'request_malformed'
    lastAuthority = head.authority
    lastHost = (match[1] ?? '').toLowerCase()
  }
  head.host = lastHost
  return null
}
