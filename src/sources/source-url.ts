/** What an address of a source says, taken apart and checked. */
export interface SourceUrl {
  readonly isTls: boolean
  /** From the address itself; null where it names none. */
  readonly credentials: { readonly user: string; readonly password: string } | null
  /** `host` or `host:port`, IPv6 addresses in brackets; at least one. */
  readonly hosts: readonly string[]
  /** Decoded, without the first slash: a key, a prefix that ends with a slash, or whatever the scheme makes of it. */
  readonly path: string
  readonly parameters: ReadonlyMap<string, string>
  /** The address without credentials and parameters: what may be shown. */
  readonly name: string
}

/** An address that cannot be used; the message is for the operator and has no credentials. */
export class SourceUrlError extends Error {
  override readonly name = 'SourceUrlError'
}

const PARTS = /^([a-z][a-z0-9]*):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/
const TLS_SCHEMES: ReadonlySet<string> = new Set(['etcds', 'consuls'])
const HOST = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/

/** Whether an argument names a store. All others are files. */
export function isSourceUrl(text: string): boolean {
  return /^[a-z][a-z0-9]*:\/\//i.test(text)
}

/**
 * Takes `scheme[s]://[user:password@]host[:port][,host…]/path[?name=value&…]` apart.
 * @param parameters the names that may stand behind the question mark
 * @throws {@link SourceUrlError}
 */
export function parseSourceUrl(text: string, parameters: readonly string[]): SourceUrl {
  const [, scheme = '', userInfo, authority = '', path = '', query = ''] = PARTS.exec(text) ?? []
  const shown = shownUrl(text)
  if (scheme === '') throw new SourceUrlError(`${shown} is no address of a source: expected scheme://host:port/path`)
  const hosts = authority.split(',')
  for (const host of hosts) {
    const port = HOST.exec(host)?.[1]
    if (!HOST.test(host) || (port !== undefined && (Number(port) === 0 || Number(port) > 65_535))) {
      throw new SourceUrlError(`${shown}: \`${host}\` is no host`)
    }
  }
  return {
    isTls: TLS_SCHEMES.has(scheme),
    credentials: credentialsOf(userInfo, shown),
    hosts,
    path: decoded(path, shown),
    parameters: parametersOf(query, parameters, shown),
    name: shown,
  }
}

/** An address as it may be shown, whatever is wrong with it. */
export function shownUrl(text: string): string {
  // A password may hold an unencoded slash or @: all up to the last @ before the parameters goes.
  return text.replace(/[?#].*$/s, '').replace(/^([a-z][a-z0-9]*:\/\/).*@/is, '$1')
}

/** What tells an address that could be opened from others: all of it but its credentials. */
export function sourceKey(text: string): string {
  return shownUrl(text) + (/\?.*$/s.exec(text)?.[0] ?? '')
}

function credentialsOf(userInfo: string | undefined, shown: string): SourceUrl['credentials'] {
  if (userInfo === undefined) return null
  const [, user = '', password = ''] = /^([^:]*):?(.*)$/s.exec(userInfo) ?? []
  return { user: decoded(user, shown), password: decoded(password, shown) }
}

function parametersOf(query: string, known: readonly string[], shown: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name)) {
      const expected = known.length === 0 ? 'it takes none' : `expected ${known.join(', ')}`
      throw new SourceUrlError(`${shown} has no parameter \`${name}\`: ${expected}`)
    }
    if (parameters.has(name)) throw new SourceUrlError(`${shown}: the parameter \`${name}\` stands twice`)
    parameters.set(name, value)
  }
  return parameters
}

function decoded(text: string, shown: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new SourceUrlError(`${shown}: a % is not followed by two hexadecimal digits`)
  }
}
