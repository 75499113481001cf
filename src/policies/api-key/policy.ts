import { hash, timingSafeEqual } from 'node:crypto'
import { type AuthenticationTerms, isSpared, reviewTerms, termsOf, turnAway } from '../../core/authentication-terms.ts'
import type { EarlyBody } from '../../core/body.ts'
import { admit } from '../../core/caller.ts'
import type { Clock } from '../../core/clock.ts'
import { API_KEY_CHARS_MAX, type ConsumerDirectory, isInForce, type KeyCredential, type Owned } from '../../core/consumers.ts'
import type { CredentialPlace } from '../../core/credential-place.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { CompileContext, PolicyDefinition, Remark, Verdict } from '../../core/policy.ts'
import { type Reply, refuse } from '../../core/reply.ts'
import { type BodyFields, fieldReader, NO_FIELDS } from './body-keys.ts'
import { BodyPlace, keyPlace } from './places.ts'
import type { ApiKeyOptions } from './schema.ts'

export const apiKey: PolicyDefinition<ApiKeyOptions> = {
  kind: 'api-key',
  summary: 'Lets pass who has the API key of a consumer.',
  identifies: true,
  authenticates: true,
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  credentialPlaces: ({ from }) => from.filter((place) => !place.startsWith('body:')),

  review(options, around) {
    const message = 'a key in a query is found in logs, histories and referrers: prefer a header'
    // Kong looks there by default, so that it would be said of every plugin; docs/kong.md says it once.
    const inQuery = options.from.flatMap((place, index): Remark[] =>
      place.startsWith('query:') && around.compatibility !== 'kong' ? [{ severity: 'warning', path: ['from', index], message }] : [],
    )
    const isTranscoded = around.optionsOf('grpc-transcoding') !== undefined
    const inBody = options.from.flatMap((place, index): Remark[] =>
      place.startsWith('body:') && isTranscoded ? [{ severity: 'error', path: ['from', index], message: TRANSCODED }] : [],
    )
    return [...inQuery, ...inBody, ...reviewTerms(options, around)]
  },

  compile(options, context) {
    const gate = new KeyGate(options, context)
    return { onRequest: (exchange) => gate.check(exchange) }
  },
}

const TRANSCODED = 'a key cannot stand in a body that `grpc-transcoding` translates as it comes: expected a header'
const BUSY = refuse('gateway_overloaded')

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
  readonly #places: readonly Place[]
  readonly #bodyNames: readonly string[]
  /** In shadow nothing is changed. */
  readonly #editsBody: boolean
  readonly #terms: AuthenticationTerms
  readonly #consumers: ConsumerDirectory
  readonly #clock: Clock
  readonly #missing: Reply
  readonly #invalid: Reply
  readonly #several: Reply
  readonly #expired: Reply

  constructor(options: ApiKeyOptions, { consumers, clock, mode }: CompileContext) {
    this.#options = options
    this.#places = options.from.map((place) => keyPlace(place, options.scheme))
    this.#bodyNames = this.#places.flatMap((place) => (place instanceof BodyPlace ? [place.name] : []))
    this.#editsBody = mode === 'enforce'
    this.#terms = termsOf(options, consumers)
    this.#consumers = consumers
    this.#clock = clock
    const challenge = [['WWW-Authenticate', options.challenge ?? `ApiKey realm="${options.realm}"`]] as const
    this.#missing = refuse('credentials_missing', null, challenge, undefined, 'key-missing')
    this.#invalid = refuse('credentials_invalid', null, challenge, undefined, 'key-unknown')
    this.#several = refuse('credentials_invalid', 'The request carries more than one API key', challenge, undefined, 'key-repeated')
    this.#expired = refuse('credentials_expired', null, challenge, undefined, 'key-expired')
  }

  check(exchange: Exchange): Verdict | Promise<Verdict> {
    const { request } = exchange
    if (!this.#options.onOptions && request.method === 'OPTIONS') return undefined
    if (isSpared(exchange, this.#terms)) {
      this.#hide(exchange, NO_FIELDS)
      return undefined
    }
    if (this.#bodyNames.length > 0) {
      const { length } = exchange.downstream.requestBody
      const read = length === 0 || exchange.earlyBody === null ? null : fieldReader(request.headers)
      return read === null ? this.#judge(exchange, NO_FIELDS) : this.#judgeWithBody(exchange, exchange.earlyBody, read)
    }
    const memo = request.authMemo
    if (memo instanceof KeyMemo && memo.gate === this) return this.#admit(exchange, memo.owned, NO_FIELDS)
    return this.#judge(exchange, NO_FIELDS)
  }

  async #judgeWithBody(exchange: Exchange, early: EarlyBody | null, read: (body: Buffer) => BodyFields): Promise<Verdict> {
    const whole = (await early?.read(this.#options.bodyBytesMax)) ?? 'too large'
    // That is not a wrong credential: no other policy's word can make it one.
    if (whole === 'no room') return BUSY
    return this.#judge(exchange, whole === 'too large' ? NO_FIELDS : read(whole))
  }

  #judge(exchange: Exchange, fields: BodyFields): Verdict {
    const { request } = exchange
    const find = this.#options.select === 'first' ? firstKey : onlyKey
    const key = find(this.#places, exchange, fields)
    if (key === null) return this.#deny(exchange, this.#several, 'several keys that differ', fields)
    if (key === '') return this.#deny(exchange, this.#missing, 'no key where one is looked for', fields)
    const owned = key.length > API_KEY_CHARS_MAX ? undefined : this.#ownerOf(key)
    if (owned === undefined) return this.#deny(exchange, this.#invalid, 'a key that no consumer has', fields)
    // Another policy's memo is worth more than ours: a digest costs less than a signature. Of a body the head tells nothing.
    const { authMemo: memo } = request
    if (this.#bodyNames.length === 0 && (memo === null || memo instanceof KeyMemo)) request.authMemo = new KeyMemo(this, owned)
    return this.#admit(exchange, owned, fields)
  }

  #ownerOf(key: string): Owned<KeyCredential> | undefined {
    const digest = hash('sha256', key)
    const owned = this.#consumers.byKeyDigest(digest)
    // Finding it says how much of a digest fits, from which no key can be told; that it is the same is decided in constant time.
    return owned !== undefined && timingSafeEqual(Buffer.from(owned.credential.digest), Buffer.from(digest)) ? owned : undefined
  }

  #admit(exchange: Exchange, { consumer, credential }: Owned<KeyCredential>, fields: BodyFields): Verdict {
    if (!isInForce(credential, this.#clock.epochMs())) {
      return this.#deny(exchange, this.#expired, `key ${credential.id} of consumer ${consumer.name}, which is not in force`, fields)
    }
    this.#hide(exchange, fields)
    exchange.trace?.note(`key ${credential.id} of consumer ${consumer.name}`)
    return admit(exchange, { method: 'api-key', consumer, credentialId: credential.id, replaces: this.#terms.replaces })
  }

  #deny(exchange: Exchange, refusal: Reply, note: string, fields: BodyFields): Verdict {
    // Another policy may let the exchange pass, and the service is not to get the key then either.
    this.#hide(exchange, fields)
    exchange.trace?.note(note)
    return turnAway(exchange, refusal, this.#terms)
  }

  #hide(exchange: Exchange, fields: BodyFields): void {
    if (this.#options.forward) return
    for (const place of this.#places) if (!(place instanceof BodyPlace)) place.remove(exchange)
    const rest = fields.without(this.#bodyNames)
    if (rest !== null && this.#editsBody) exchange.earlyBody?.replace(rest)
  }
}

type Place = CredentialPlace | BodyPlace

/** Every value that stands in a place. */
function valuesAt(place: Place, exchange: Exchange, fields: BodyFields): readonly string[] {
  return place instanceof BodyPlace ? fields.valuesOf(place.name) : place.read(exchange)
}

/** The one key of a request; empty for none, null when there are two that differ. */
function onlyKey(places: readonly Place[], exchange: Exchange, fields: BodyFields): string | null {
  let key = ''
  for (const place of places) {
    for (const found of valuesAt(place, exchange, fields)) {
      if (found === '' || found === key) continue
      if (key !== '') return null
      key = found
    }
  }
  return key
}

/** What stands in the first place where there is anything; empty for nothing, null for two values there. */
function firstKey(places: readonly Place[], exchange: Exchange, fields: BodyFields): string | null {
  for (const place of places) {
    const found = valuesAt(place, exchange, fields)
    if (found.length > 1) return null
    const [key] = found
    if (key !== undefined) return key
  }
  return ''
}
