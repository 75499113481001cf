import { hash } from 'node:crypto'
import { type AuthenticationTerms, isSpared, turnAway } from '../../core/authentication-terms.ts'
import { type Admission, admit } from '../../core/caller.ts'
import type { Clock } from '../../core/clock.ts'
import type { ConsumerDirectory } from '../../core/consumers.ts'
import type { CredentialPlace } from '../../core/credential-place.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { PolicySteps, Verdict } from '../../core/policy.ts'
import { refuse } from '../../core/reply.ts'
import { type ClaimRules, checkClaims } from './claims.ts'
import type { KnownToken, KnownTokens } from './known-tokens.ts'
import { type Reason, type Refusals, sentenceOf } from './refusals.ts'
import { hasSigned } from './signature.ts'
import type { Candidate, KeySource } from './sources.ts'
import { readToken, type Token } from './token.ts'

export interface GateParts {
  readonly keys: KeySource
  readonly tokens: KnownTokens
  readonly places: readonly CredentialPlace[]
  readonly refusals: Refusals
  readonly consumers: ConsumerDirectory
  readonly clock: Clock
  readonly rules: ClaimRules
  readonly consumerClaim: string | null
  readonly forward: boolean
  readonly onOptions: boolean
  readonly terms: AuthenticationTerms
  readonly tokenBytesMax: number
  readonly trustMs: number
}

/** What a connection remembers of its last head: which policy knew its token. The head has not changed since, or this would be gone. */
class HeadMemo {
  readonly gate: TokenGate
  readonly known: KnownToken

  constructor(gate: TokenGate, known: KnownToken) {
    this.gate = gate
    this.known = known
  }
}

const KEYS_UNAVAILABLE = refuse('keys_unavailable')

/** The step: a token that is known costs two comparisons or a look-up by digest; only one that is new is waited for. */
export class TokenGate {
  readonly #parts: GateParts

  constructor(parts: GateParts) {
    this.#parts = parts
  }

  steps(): PolicySteps {
    return { onRequest: (exchange) => this.#onRequest(exchange) }
  }

  #onRequest(exchange: Exchange): Verdict | Promise<Verdict> {
    const { request } = exchange
    const { tokens, places, forward, onOptions, terms, tokenBytesMax } = this.#parts
    if (!onOptions && request.method === 'OPTIONS') return undefined
    if (isSpared(exchange, terms)) {
      if (!forward) this.#remove(exchange)
      return undefined
    }
    const memo = request.authMemo
    if (memo instanceof HeadMemo && memo.gate === this && this.#holds(memo.known)) return this.#admit(exchange, memo.known)
    const text = findToken(exchange, places)
    if (text === null) return this.#deny(exchange, 'repeated')
    if (text === '') return this.#deny(exchange, 'missing')
    if (text.length > tokenBytesMax) return this.#deny(exchange, 'oversized')
    const digest = hash('sha256', text)
    const known = tokens.get(digest)
    if (known !== undefined) {
      if (this.#holds(known)) {
        request.authMemo = new HeadMemo(this, known)
        return this.#admit(exchange, known)
      }
      tokens.delete(digest)
    }
    return this.#look(exchange, text, digest)
  }

  /** Whether a token that was verified before still passes. */
  #holds({ validUntilMs, version }: KnownToken): boolean {
    const { keys, clock } = this.#parts
    return keys.ready() && version === keys.version && clock.epochMs() < validUntilMs
  }

  /** What can be seen without a key is refused without a promise. */
  #look(exchange: Exchange, text: string, digest: string): Verdict | Promise<Verdict> {
    const token = readToken(text)
    if (typeof token === 'string') return this.#deny(exchange, token)
    if (!this.#parts.keys.accepts(token.algorithm)) return this.#deny(exchange, 'algorithm')
    return this.#verify(exchange, token, digest)
  }

  async #verify(exchange: Exchange, token: Token, digest: string): Promise<Verdict> {
    const { serial } = exchange.request
    const found = await this.#judge(token)
    if (found === 'keysUnavailable') {
      exchange.trace?.note('no keys could be fetched yet')
      // An outage is not a wrong credential: no other policy's word can make it one.
      return KEYS_UNAVAILABLE
    }
    if (typeof found === 'string') return this.#deny(exchange, found)
    this.#parts.tokens.set(digest, found)
    if (exchange.request.serial === serial) exchange.request.authMemo = new HeadMemo(this, found)
    return this.#admit(exchange, found)
  }

  async #judge(token: Token): Promise<KnownToken | Reason | 'keysUnavailable'> {
    const { keys } = this.#parts
    if (!keys.ready()) await keys.settled()
    let { version } = keys
    let candidates = keys.candidates(token)
    let signer = await signerOf(token, candidates)
    if (signer === null && (await keys.refetch(token, version))) {
      version = keys.version
      candidates = keys.candidates(token)
      signer = await signerOf(token, candidates)
    }
    if (signer !== null) return this.#accept(token, signer, version)
    if (!keys.isComplete) return 'keysUnavailable'
    return candidates.length === 0 ? keys.whyNone(token) : 'signature'
  }

  /** The signature is right: now the claims may be believed, and looked at. */
  #accept({ claims, ...rest }: Token, { owned }: Candidate, version: number): KnownToken | Reason {
    const { clock, rules, consumers, consumerClaim, trustMs } = this.#parts
    const now = clock.epochMs()
    const end = checkClaims({ claims, ...rest }, rules, now)
    if (typeof end === 'string') return end
    const named = consumerClaim !== null && Object.hasOwn(claims, consumerClaim) ? claims[consumerClaim] : undefined
    const consumer = owned?.consumer ?? (typeof named === 'string' ? consumers.byName(named) : undefined)
    if (consumerClaim !== null && consumer === undefined) return 'consumer'
    const admission: Admission = {
      method: 'jwt',
      ...(typeof claims['sub'] === 'string' && { subject: claims['sub'] }),
      claims,
      consumer: consumer ?? null,
      ...(owned !== null && { credentialId: owned.credential.id, credentialName: owned.credential.key }),
      replaces: this.#parts.terms.replaces,
    }
    return {
      admission,
      note: noteOf(admission),
      validUntilMs: Math.min(end, now + trustMs, owned?.credential.expiresAtMs ?? Number.POSITIVE_INFINITY),
      version,
    }
  }

  #admit(exchange: Exchange, { admission, note }: KnownToken): Verdict {
    if (!this.#parts.forward) this.#remove(exchange)
    exchange.trace?.note(note)
    return admit(exchange, admission)
  }

  #deny(exchange: Exchange, reason: Reason): Verdict {
    // Another policy may let the exchange pass, and the service is not to get the token then either.
    if (!this.#parts.forward) this.#remove(exchange)
    exchange.trace?.note(sentenceOf(reason))
    return turnAway(exchange, this.#parts.refusals.of(reason), this.#parts.terms)
  }

  #remove(exchange: Exchange): void {
    for (const place of this.#parts.places) place.remove(exchange)
  }
}

/** The one token of a request; empty for none, null when there are two that differ or one place holds several. */
function findToken(exchange: Exchange, places: readonly CredentialPlace[]): string | null {
  let token = ''
  for (const place of places) {
    const found = place.read(exchange)
    if (found.length > 1) return null
    const [text = ''] = found
    if (text === '') continue
    if (token !== '' && token !== text) return null
    token = text
  }
  return token
}

async function signerOf(token: Token, candidates: readonly Candidate[]): Promise<Candidate | null> {
  for (const candidate of candidates) if (await hasSigned(candidate.key, token)) return candidate
  return null
}

function noteOf({ subject = '', consumer }: Admission): string {
  const whose = consumer === undefined || consumer === null ? '' : ` of consumer ${consumer.name}`
  return subject === '' ? `token${whose} without a subject` : `token${whose} of ${subject}`
}
