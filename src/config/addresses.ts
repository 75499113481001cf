import { isIP } from 'node:net'

export interface Address {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  /** Null where it was left out. */
  readonly scheme: 'http' | 'https' | null
}

const LABELS = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/

/** Reads `host:port`, `[::1]:port`, `http://host:port` or `https://host:port` (port 80 or 443 when none is given there); null for anything else. */
export function parseAddress(text: string): Address | null {
  const [, prefix, host = '', digits] = /^(https?:\/\/)?(\[[^\]]*\]|[^:/?#@[\]]+)(?::(\d{1,5}))?\/?$/.exec(text) ?? []
  const scheme = prefix === undefined ? null : prefix === 'https://' ? 'https' : 'http'
  const port = Number(digits ?? (scheme === null ? Number.NaN : scheme === 'https' ? 443 : 80))
  if (!(port >= 1 && port <= 65_535) || (scheme === null && text.endsWith('/'))) return null
  if (host.startsWith('[')) {
    const inner = host.slice(1, -1)
    return isIP(inner) === 6 ? { host: inner, port, scheme } : null
  }
  return isHost(host) ? { host, port, scheme } : null
}

/** Whether it is a DNS name or an IPv4 address. What looks like an address but is none (`10.0.0.256`, `1`) is refused. */
function isHost(text: string): boolean {
  if (!LABELS.test(text)) return false
  const last = text.split('.').findLast((label) => label !== '') ?? ''
  return /^\d+$/.test(last) ? isIP(text) === 4 : true
}

/** Whether it is an IP address or a CIDR block. */
function isAddressBlock(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}

/**
 * The host pattern of a route in lower case: a host, a bracketed IPv6 address, `*.` or `**.` before a host, or `.**` behind one; null for
 * anything else. A dot at its end is dropped.
 */
export function parseHostPattern(text: string): string | null {
  const lower = text.toLowerCase()
  if (lower.startsWith('[') && lower.endsWith(']')) return isIP(lower.slice(1, -1)) === 6 ? lower : null
  // More labels follow, so that what looks like an address is none.
  if (lower.endsWith('.**')) return LABELS.test(lower.slice(0, -3)) && !lower.endsWith('..**') ? lower : null
  const name = lower.replace(/^\*\*?\./, '')
  if (!isHost(name) || (name !== lower && isIP(name) !== 0)) return null
  return lower.endsWith('.') ? lower.slice(0, -1) : lower
}

/** What is wrong with the address of a target; null for nothing. The same for the functions below. */
export function addressProblem(text: string): string | null {
  if (parseAddress(text) !== null) return null
  return `expected \`host:port\`, \`[::1]:port\`, \`http://host:port\` or \`https://host:port\`, found \`${text}\``
}

/** Of a store, which has no scheme: `http://h` would be port 80. A URL is not repeated, since it may hold a password. */
export function storeAddressProblem(text: string): string | null {
  if (text.includes('://')) return 'expected `host:port` without a scheme: password, database and TLS have keys of their own'
  return parseAddress(text) === null ? `expected \`host:port\` or \`[::1]:port\`, found \`${text}\`` : null
}

export function addressBlockProblem(text: string): string | null {
  return isAddressBlock(text) ? null : `expected an IP address or a CIDR block such as \`10.0.0.0/8\`, found \`${text}\``
}

export function listenHostProblem(text: string): string | null {
  return isHost(text) || isIP(text) === 6 ? null : `expected an address of this machine such as \`0.0.0.0\` or \`::\`, found \`${text}\``
}

export function hostPatternProblem(text: string): string | null {
  return parseHostPattern(text) === null
    ? `expected a host such as \`example.com\`, \`*.example.com\`, \`**.example.com\` or \`example.**\`, without a port, found \`${text}\``
    : null
}

/** The Host that targets see: a host with or without a port. `client` and `target` are hosts by their form. */
export function serviceHostProblem(text: string): string | null {
  const withPort = /:\d{1,5}$/.test(text.replace(/^\[.*\]/, '')) ? text : `${text}:80`
  return parseAddress(withPort) === null || text.includes('/') ? `expected \`client\`, \`target\` or a host, found \`${text}\`` : null
}
