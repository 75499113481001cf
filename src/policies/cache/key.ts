import { createHash } from 'node:crypto'
import type { Caller, Claims } from '../../core/caller.ts'
import type { Exchange, RouteInfo } from '../../core/exchange.ts'
import type { ResponseKey } from '../../core/response-store.ts'
import type { Uri } from './invalidation.ts'
import type { CacheOptions } from './schema.ts'

/** Claims that a user's next token has anew though it says the same. */
const PASSING_CLAIMS: ReadonlySet<string> = new Set(['iat', 'exp', 'nbf', 'jti', 'nonce', 'at_hash', 'c_hash', 'auth_time'])

type KeyOptions = Pick<CacheOptions, 'keyHeaders' | 'keyQuery' | 'ignorePathCase' | 'ttl' | 'shareAuthenticated'>

/** Who is given the same response, beside what the service says. */
type Sharing = 'all' | 'consumer' | 'caller'

/** Makes the keys of one place where the policy is configured. */
export class KeyMaker {
  readonly #prefix: string
  readonly #headers: readonly string[]
  readonly #sharing: Sharing
  readonly #queryOf: (query: string) => string
  readonly #ignoresCase: boolean
  /** Of the last request: most come to the same route as the one before. */
  #route: RouteInfo | null = null
  #routePart = ''
  /** Claims of a token that is verified once are the same object for each of its requests. */
  readonly #claims = new WeakMap<Claims, string>()

  /** @param prefix the place, and what else gives stored responses their meaning */
  constructor(prefix: string, { keyHeaders, keyQuery, ignorePathCase, ttl, shareAuthenticated }: KeyOptions) {
    this.#prefix = prefix
    this.#headers = keyHeaders
    this.#sharing = shareAuthenticated === 'consumer' ? 'consumer' : ttl === undefined || shareAuthenticated ? 'all' : 'caller'
    this.#queryOf = compileQuery(keyQuery)
    this.#ignoresCase = ignorePathCase
  }

  /** A URI as responses are kept under it. */
  uriOf({ host, path, query }: Uri): Uri {
    return { host, path: this.#ignoresCase ? path.toLowerCase() : path, query: this.#queryOf(query) }
  }

  keyOf(exchange: Exchange): ResponseKey {
    return { ...this.uriOf(exchange.request), part: this.#partOf(exchange) }
  }

  #partOf(exchange: Exchange): string {
    const { request, route, client, caller } = exchange
    if (route !== this.#route || route === null) {
      this.#route = route
      // Routes that differ in a header, and the services of a split, answer the same URI differently.
      this.#routePart = `${this.#prefix}\n${route?.name ?? ''}\n${route?.serviceName ?? ''}`
    }
    let part = this.#routePart
    // What a service may put into the links that it writes.
    if (request.scheme !== 'http') part += '\ns'
    if (request.authority.length !== request.host.length) part += `\n:${request.authority.slice(request.host.length)}`
    if (client.trusted) for (const name of FORWARDED) part += `\nf${request.headers.getJoined(name) ?? ''}`
    for (const name of this.#headers) part += `\nh${request.headers.getJoined(name) ?? '\n'}`
    // A consumer's own policies may have changed what it gets.
    const isByConsumer = this.#sharing === 'consumer' || caller.consumer?.hasPolicies === true
    if (isByConsumer && caller.consumer !== null) part += `\nc${caller.consumer.name}`
    if (this.#sharing === 'caller' && hasCredentials(exchange)) part += `\nu${this.identityOf(exchange)}`
    return part
  }

  /** Stands for who asks, as exactly as credentials do; a digest, so that no store ever holds a credential. */
  identityOf({ caller, request }: Exchange): string {
    const { headers } = request
    // A token that was verified is known by what it says: its successor says the same.
    const isVerified = USES_AUTHORIZATION.test(caller.method)
    const known = caller.isKnown ? this.#callerText(caller) : null
    const authorization = isVerified ? null : headers.getAll('Authorization')
    const text = JSON.stringify([known, authorization, headers.getAll('X-API-Key'), headers.getAll('Cookie')])
    return createHash('sha256').update(text).digest('base64url')
  }

  #callerText({ method, subject, consumer, credentialId, claims, user }: Caller): unknown {
    return [method, subject, consumer?.name ?? null, credentialId, claims === null ? null : this.#claimsText(claims), user]
  }

  #claimsText(claims: Claims): string {
    let text = this.#claims.get(claims)
    if (text === undefined) {
      const lasting = Object.entries(claims).filter(([name]) => !PASSING_CLAIMS.has(name))
      text = JSON.stringify(lasting.sort(([one], [other]) => (one < other ? -1 : 1)))
      this.#claims.set(claims, text)
    }
    return text
  }
}

/** Parameters keep their text: of two that only look the same once they are decoded, `%E8` and `%E9` say, each has its own response. */
function compileQuery(keyQuery: KeyOptions['keyQuery']): (query: string) => string {
  if (keyQuery === 'as-is') return (query) => query
  const names = keyQuery === 'sorted' ? null : new Set(keyQuery)
  return (query) => {
    const params = query.split('&').flatMap((text) => {
      const name = nameOf(text)
      return text === '' || names?.has(name) === false ? [] : [{ name, text: shortest(text) }]
    })
    // Of one name the order counts: services take the first, or the last.
    return params
      .sort(({ name: one }, { name: other }) => (one === other ? 0 : one < other ? -1 : 1))
      .map(({ text }) => text)
      .join('&')
  }
}

function nameOf(parameter: string): string {
  return new URLSearchParams(parameter).keys().next().value ?? ''
}

const ENCODED = /%[0-9A-Fa-f]{2}/g
const UNRESERVED = /^[A-Za-z0-9._~-]$/

/** The same text for what means the same (RFC 3986, 6.2.2). */
function shortest(text: string): string {
  return text.replaceAll(ENCODED, (triplet) => {
    const char = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
    return UNRESERVED.test(char) ? char : triplet.toUpperCase()
  })
}

/** Kinds of policies that read the field Authorization. */
const USES_AUTHORIZATION = /\b(?:jwt|basic|hmac)\b/

/** Believed of a trusted proxy, and passed on. */
const FORWARDED = ['X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Forwarded-Port', 'Forwarded']

/** Whether an answer may be meant for this caller alone, cookies included: services know sessions by them. */
export function hasCredentials(exchange: Exchange): boolean {
  const { headers } = exchange.request
  return isAuthenticated(exchange) || headers.has('Cookie') || headers.has('X-API-Key')
}

/** Whether RFC 9111, 3.5 holds for the answer. Cookies are no authentication there: a service has to say private. */
export function isAuthenticated({ caller, request }: Exchange): boolean {
  return caller.isKnown || request.headers.has('Authorization')
}
