import { hash, timingSafeEqual } from 'node:crypto'
import { type AuthenticationTerms, isSpared, reviewTerms, termsOf, turnAway } from '../../core/authentication-terms.ts'
import { admit } from '../../core/caller.ts'
import type { Clock } from '../../core/clock.ts'
import { API_KEY_CHARS_MAX, type ConsumerDirectory, isInForce, type KeyCredential, type Owned } from '../../core/consumers.ts'
import type { CredentialPlace } from '../../core/credential-place.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { PolicyDefinition, Remark, Verdict } from '../../core/policy.ts'
import { type Reply, refuse } from '../../core/reply.ts'
import { keyPlace } from './places.ts'
import type { ApiKeyOptions } from './schema.ts'

export const apiKey: PolicyDefinition<ApiKeyOptions> = {
  kind: 'api-key',
  summary: 'Lets pass who has the API key of a consumer.',
  identifies: true,
  authenticates: true,
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  credentialPlaces: ({ from }) => from,

  review(options, around) {
    const message = 'a key in a query is found in logs, histories and referrers: prefer a header'
    const inQuery = options.from.flatMap((place, index): Remark[] =>
      place.startsWith('query:') ? [{ severity: 'warning', path: ['from', index], message }] : [],
    )
    return [...inQuery, ...reviewTerms(options, around)]
  },

  compile(options, { consumers, clock }) {
    const gate = new KeyGate(options, consumers, clock)
    return { onRequest: (exchange) => gate.check(exchange) }
  },
}

/** What a connection remembers of its last head: whose key was in it. The head has not changed since, or this would be gone. */
class KeyMemo {
  readonly gate: KeyGate
  readonly owned: Owned<KeyCredential>

  constructor(gate: KeyGate, owned: Owned<KeyCredential>) {
    this.gate = gate
    this.owned = owned
  }
}

class KeyGate {
  readonly #options: ApiKeyOptions
  readonly #places: readonly CredentialPlace[]
  readonly #terms: AuthenticationTerms
  readonly #consumers: ConsumerDirectory
  readonly #clock: Clock
  readonly #missing: Reply
  readonly #invalid: Reply
  readonly #several: Reply
  readonly #expired: Reply

  constructor(options: ApiKeyOptions, consumers: ConsumerDirectory, clock: Clock) {
    this.#options = options
    this.#places = options.from.map((place) => keyPlace(place, options.scheme))
    this.#terms = termsOf(options, consumers)
    this.#consumers = consumers
    this.#clock = clock
    const challenge = [['WWW-Authenticate', options.challenge ?? `ApiKey realm="${options.realm}"`]] as const
    this.#missing = refuse('credentials_missing', null, challenge, undefined, 'key-missing')
    this.#invalid = refuse('credentials_invalid', null, challenge, undefined, 'key-unknown')
    this.#several = refuse('credentials_invalid', 'The request carries more than one API key', challenge, undefined, 'key-repeated')
    this.#expired = refuse('credentials_expired', null, challenge, undefined, 'key-expired')
  }

  check(exchange: Exchange): Verdict {
    const { request } = exchange
    if (!this.#options.onOptions && request.method === 'OPTIONS') return undefined
    const memo = request.authMemo
    if (isSpared(exchange, this.#terms)) {
      this.#hide(exchange)
      return undefined
    }
    if (memo instanceof KeyMemo && memo.gate === this) return this.#admit(exchange, memo.owned)
    const key = this.#options.select === 'first' ? firstKey(exchange, this.#places) : onlyKey(exchange, this.#places)
    if (key === null) return this.#deny(exchange, this.#several, 'several keys that differ')
    if (key === '') return this.#deny(exchange, this.#missing, 'no key where one is looked for')
    const owned = key.length > API_KEY_CHARS_MAX ? undefined : this.#ownerOf(key)
    if (owned === undefined) return this.#deny(exchange, this.#invalid, 'a key that no consumer has')
    // Another policy's memo is worth more than ours: a digest costs less than a signature.
    if (memo === null || memo instanceof KeyMemo) request.authMemo = new KeyMemo(this, owned)
    return this.#admit(exchange, owned)
  }

  #ownerOf(key: string): Owned<KeyCredential> | undefined {
    const digest = hash('sha256', key)
    const owned = this.#consumers.byKeyDigest(digest)
    // Finding it says how much of a digest fits, from which no key can be told; that it is the same is decided in constant time.
    return owned !== undefined && timingSafeEqual(Buffer.from(owned.credential.digest), Buffer.from(digest)) ? owned : undefined
  }

  #admit(exchange: Exchange, { consumer, credential }: Owned<KeyCredential>): Verdict {
    if (!isInForce(credential, this.#clock.epochMs())) {
      return this.#deny(exchange, this.#expired, `key ${credential.id} of consumer ${consumer.name}, which is not in force`)
    }
    this.#hide(exchange)
    exchange.trace?.note(`key ${credential.id} of consumer ${consumer.name}`)
    return admit(exchange, { method: 'api-key', consumer, credentialId: credential.id, replaces: this.#terms.replaces })
  }

  #deny(exchange: Exchange, refusal: Reply, note: string): Verdict {
    // Another policy may let the exchange pass, and the service is not to get the key then either.
    this.#hide(exchange)
    exchange.trace?.note(note)
    return turnAway(exchange, refusal, this.#terms)
  }

  #hide(exchange: Exchange): void {
    if (this.#options.forward) return
    for (const place of this.#places) place.remove(exchange)
  }
}

/** The one key of a request; empty for none, null when there are two that differ. */
function onlyKey(exchange: Exchange, places: readonly CredentialPlace[]): string | null {
  let key = ''
  for (const place of places) {
    for (const found of place.read(exchange)) {
      if (found === '' || found === key) continue
      if (key !== '') return null
      key = found
    }
  }
  return key
}

/** What stands in the first place where there is anything; empty for nothing, null for two values there. */
function firstKey(exchange: Exchange, places: readonly CredentialPlace[]): string | null {
  for (const place of places) {
    const found = place.read(exchange)
    if (found.length > 1) return null
    const [key] = found
    if (key !== undefined) return key
  }
  return ''
}
