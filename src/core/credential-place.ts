/** Where a credential may stand in a request. */
import type { Exchange } from './exchange.ts'

export interface CredentialPlace {
  /** Every value that stands there, in order; empty ones too. */
  read(exchange: Exchange): readonly string[]
  /** Takes the values out of what goes to the service, and leaves the rest. */
  remove(exchange: Exchange): void
}

/** `header:NAME`, `query:NAME` and `cookie:NAME`. */
export const CREDENTIAL_PLACE = /^((header|cookie):[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}|query:[A-Za-z0-9._~-]{1,256})$/

/** @param written fits {@link CREDENTIAL_PLACE} */
export function credentialPlace(written: string): CredentialPlace {
  const colon = written.indexOf(':')
  const name = written.slice(colon + 1)
  switch (written.slice(0, colon)) {
    case 'cookie':
      return new CookiePlace(name)
    case 'query':
      return new QueryPlace(name)
    default:
      return new HeaderPlace(name)
  }
}

const NONE: readonly string[] = []

class HeaderPlace implements CredentialPlace {
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  read({ request }: Exchange): readonly string[] {
    return request.headers.has(this.#name) ? request.headers.getAll(this.#name) : NONE
  }

  remove({ request }: Exchange): void {
    request.headers.delete(this.#name)
  }
}

/** Names of cookies keep their case (RFC 6265, 5.4). */
class CookiePlace implements CredentialPlace {
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  read({ request }: Exchange): readonly string[] {
    if (!request.headers.has('Cookie')) return NONE
    const pairs = request.headers.getAll('Cookie').flatMap((field) => field.split(';'))
    return pairs.filter((pair) => cookieName(pair) === this.#name).map((pair) => pair.slice(pair.indexOf('=') + 1).trim())
  }

  remove({ request: { headers } }: Exchange): void {
    const pairs = headers.getAll('Cookie').flatMap((field) => field.split(';'))
    const others = pairs.filter((pair) => cookieName(pair) !== this.#name)
    if (others.length === pairs.length) return
    const rest = others.map((pair) => pair.trim()).filter((pair) => pair !== '')
    if (rest.length === 0) headers.delete('Cookie')
    else headers.set('Cookie', rest.join('; '))
  }
}

function cookieName(pair: string): string {
  const equals = pair.indexOf('=')
  return equals === -1 ? '' : pair.slice(0, equals).trim()
}

class QueryPlace implements CredentialPlace {
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  read({ request: { query } }: Exchange): readonly string[] {
    if (query === '') return NONE
    const pairs = query.split('&').filter((pair) => parameterName(pair) === this.#name)
    return pairs.map((pair) => (pair.includes('=') ? decoded(pair.slice(pair.indexOf('=') + 1)) : ''))
  }

  remove({ forward }: Exchange): void {
    if (forward.query === '') return
    const pairs = forward.query.split('&')
    const rest = pairs.filter((pair) => parameterName(pair) !== this.#name)
    if (rest.length !== pairs.length) forward.query = rest.join('&')
  }
}

/** Decoded, since a service reads `%6bey` as `key`. */
function parameterName(pair: string): string {
  const equals = pair.indexOf('=')
  return decoded(equals === -1 ? pair : pair.slice(0, equals))
}

function decoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
