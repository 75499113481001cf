import type { Exchange } from '../../core/exchange.ts'

/** Where a token may stand in a request. */
export interface TokenPlace {
  /** Every token that stands there; more than one is for the caller to refuse. */
  read(exchange: Exchange): readonly string[]
  /** Takes the token out of what goes to the service, and leaves the rest. */
  remove(exchange: Exchange): void
}

/** The forms of `from`. */
export const PLACE_PATTERN = /^(header|(header|cookie):[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}|query:[A-Za-z0-9._~-]{1,256})$/

const NONE: readonly string[] = []

export function tokenPlace(written: string): TokenPlace {
  const [kind, name = 'Authorization'] = written.split(':', 2)
  if (kind === 'cookie') return new CookiePlace(name)
  if (kind === 'query') return new QueryPlace(name)
  return name.toLowerCase() === 'authorization' ? AUTHORIZATION : new HeaderPlace(name)
}

/** `Bearer`, in any case (RFC 9110, 11.1), and what follows; null for another scheme. An empty token is none. */
function bearerOf(value: string): string | null {
  if (value.length < 6 || value.slice(0, 6).toLowerCase() !== 'bearer') return null
  if (value.length > 6 && value.charCodeAt(6) !== 0x20) return null
  return value.slice(7).trimStart()
}

const AUTHORIZATION: TokenPlace = {
  read({ request }) {
    const values = request.headers.getAll('Authorization')
    if (values.length === 0) return NONE
    if (values.length === 1) {
      const token = bearerOf(values[0] ?? '')
      return token === null || token === '' ? NONE : [token]
    }
    // RFC 9110, 11.6.2: there is one. Whoever stands behind us may read another line than we do.
    return values.some((value) => bearerOf(value) !== null) ? values : NONE
  },
  remove({ request }) {
    const { headers } = request
    if (headers.getAll('Authorization').some((value) => bearerOf(value) !== null)) headers.delete('Authorization')
  },
}

/** The bare token, or behind `Bearer`. */
class HeaderPlace implements TokenPlace {
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  read({ request }: Exchange): readonly string[] {
    const values = request.headers.getAll(this.#name)
    return values.length === 0
      ? NONE
      : values.map((value) => bearerOf(value) ?? value).filter((value, _, all) => all.length > 1 || value !== '')
  }

  remove({ request }: Exchange): void {
    request.headers.delete(this.#name)
  }
}

class CookiePlace implements TokenPlace {
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  read({ request }: Exchange): readonly string[] {
    const tokens: string[] = []
    for (const field of request.headers.getAll('Cookie')) {
      for (const pair of field.split(';')) {
        if (cookieName(pair) === this.#name) tokens.push(pair.slice(pair.indexOf('=') + 1).trim())
      }
    }
    return tokens.length === 1 && tokens[0] === '' ? NONE : tokens
  }

  remove({ request }: Exchange): void {
    const { headers } = request
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

class QueryPlace implements TokenPlace {
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  read({ request }: Exchange): readonly string[] {
    if (request.query === '') return NONE
    const tokens = request.query.split('&').filter((pair) => parameterName(pair) === this.#name)
    const values = tokens.map((pair) => (pair.includes('=') ? decoded(pair.slice(pair.indexOf('=') + 1)) : ''))
    return values.length === 1 && values[0] === '' ? NONE : values
  }

  remove({ forward }: Exchange): void {
    if (forward.query === '') return
    const pairs = forward.query.split('&')
    const rest = pairs.filter((pair) => parameterName(pair) !== this.#name)
    if (rest.length !== pairs.length) forward.query = rest.join('&')
  }
}

/** Decoded, since a service reads `%74oken` as `token`. */
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
