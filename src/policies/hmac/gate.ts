import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto'
import { type AuthenticationTerms, isSpared, termsOf, turnAway } from '../../core/authentication-terms.ts'
import { admit } from '../../core/caller.ts'
import { type HmacCredential, isInForce, type Owned } from '../../core/consumers.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { CompileContext, PolicySteps, Verdict } from '../../core/policy.ts'
import { type BodyDigest, digestsSent, hasDigests, signedDigests } from './body-digest.ts'
import { readMessageSignatures } from './message-signature.ts'
import { type Reason, Refusals } from './refusals.ts'
import type { HmacOptions } from './schema.ts'
import { type Algorithm, readSignature, removeSignature, type Signature } from './signature.ts'
import { coversAll, hasDate, isOver, signedText, signedTimes } from './signed-text.ts'

const EMPTY = Buffer.alloc(0)

export class SignatureGate {
  readonly #options: HmacOptions
  readonly #context: CompileContext
  readonly #terms: AuthenticationTerms
  readonly #refusals: Refusals
  readonly #secrets = new WeakMap<HmacCredential, KeyObject>()
  /** For names that nobody has: they cost what others do. */
  readonly #noSecret = createSecretKey(randomBytes(32))
  /** What the body of an exchange is to have, from its admission to its end. */
  readonly #digests = new WeakMap<Exchange, readonly BodyDigest[]>()

  constructor(options: HmacOptions, context: CompileContext) {
    this.#options = options
    this.#context = context
    this.#terms = termsOf(options, context.consumers)
    this.#refusals = new Refusals(options)
  }

  steps(): PolicySteps {
    const { validateBody, bytesMax } = this.#options
    const onRequest = (exchange: Exchange): Verdict => this.#check(exchange)
    if (!validateBody) return { onRequest }
    return {
      onRequest,
      requestBody: {
        bytesMax,
        wanted: (exchange) => this.#digests.has(exchange),
        run: (exchange, body) => (hasDigests(body, this.#digests.get(exchange) ?? []) ? undefined : this.#refusals.of('digest')),
      },
      onFinish: (exchange) => {
        this.#digests.delete(exchange)
      },
    }
  }

  #check(exchange: Exchange): Verdict {
    const { request } = exchange
    // In shadow nothing tells of the end of the last exchange.
    if (this.#options.validateBody) this.#digests.delete(exchange)
    const spared = isSpared(exchange, this.#terms)
    const found = spared ? 'missing' : this.#find(exchange)
    // The service is not to get it, also when another policy lets the exchange pass.
    if (!this.#options.forward) removeSignature(request.headers)
    if (spared) return undefined
    if (typeof found === 'string') {
      exchange.trace?.note(this.#refusals.noteOf(found))
      return turnAway(exchange, this.#refusals.of(found), this.#terms)
    }
    const { consumer, credential } = found
    exchange.trace?.note(`signed with ${credential.id} of consumer ${consumer.name}`)
    const { id: credentialId, keyId: credentialName } = credential
    return admit(exchange, { method: 'hmac', consumer, credentialId, credentialName, replaces: this.#terms.replaces })
  }

  #find(exchange: Exchange): Owned<HmacCredential> | Reason {
    const { headers, proxyAuthorization } = exchange.request
    const { forms, trustUnsigned, skew } = this.#options
    const forProxies = this.#options.proxyAuthorization && proxyAuthorization !== '' ? [proxyAuthorization] : []
    const authorization = headers.getAll('Authorization')
    if (trustUnsigned && authorization.length + forProxies.length > 0 && !hasDate(exchange, this.#context.clock.epochMs(), skew)) {
      return 'undated'
    }
    const ofProxies = readSignature(forProxies, forms)
    const signature = ofProxies === null || ofProxies === 'malformed' ? readSignature(authorization, forms) : ofProxies
    if (signature !== null) return signature === 'malformed' ? 'malformed' : this.#judge(exchange, signature)
    const signatures = forms.includes('message') ? readMessageSignatures(headers) : null
    if (signatures === 'malformed') return signatures
    if (signatures === null) return authorization.length + forProxies.length > 0 ? 'otherScheme' : 'missing'
    // Of several (RFC 9421, 4.3) one has to be right; what is wrong with the first says most.
    let first: Reason = 'malformed'
    for (const [index, candidate] of signatures.entries()) {
      const found = this.#judge(exchange, candidate)
      if (typeof found !== 'string') return found
      if (index === 0) first = found
    }
    return first
  }

  /** Whose signature it is, or why it is none. What is said of date and body is said to who has the secret only. */
  #judge(exchange: Exchange, signature: Signature): Owned<HmacCredential> | Reason {
    const algorithm = this.#algorithmOf(signature)
    if (algorithm === null) return 'algorithm'
    if (!coversAll(signature, this.#options.requiredHeaders, this.#options.synonyms)) return 'uncovered'
    const text = signedText(exchange, signature, this.#options.trustUnsigned)
    if (text === null) return 'absent'
    const found = this.#signerOf(signature, algorithm, text)
    if (typeof found === 'string') return found
    const now = this.#context.clock.epochMs()
    if (!isInForce(found.credential, now)) return 'expired'
    return this.#timeProblem(exchange, signature, now) ?? this.#bodyProblem(exchange, signature) ?? found
  }

  /** Where it follows from the key, it is the only one; of RFC 9421, 3.3.3, the one that is registered. */
  #algorithmOf({ algorithm, parameters }: Signature): Algorithm | null {
    const { algorithms } = this.#options
    const [only] = algorithms
    if (algorithm === '' && algorithms.length === 1 && only !== undefined) return only
    if (algorithm === '' && parameters !== null) return algorithms.find((candidate) => candidate === 'hmac-sha256') ?? null
    return algorithms.find((candidate) => candidate === algorithm) ?? null
  }

  /** One key id has one consumer, and during a rotation several secrets. */
  #signerOf({ keyId, bytes }: Signature, algorithm: Algorithm, text: string): Owned<HmacCredential> | 'unknown' | 'wrong' {
    const candidates = this.#context.consumers.byHmacKeyId(keyId)
    if (candidates.length === 0) {
      fits(this.#noSecret, bytes, algorithm, text)
      return 'unknown'
    }
    return candidates.find(({ credential }) => fits(this.#secretOf(credential), bytes, algorithm, text)) ?? 'wrong'
  }

  #secretOf(credential: HmacCredential): KeyObject {
    let secret = this.#secrets.get(credential)
    if (secret === undefined) {
      secret = createSecretKey(credential.secret, 'utf8')
      this.#secrets.set(credential, secret)
    }
    return secret
  }

  #timeProblem(exchange: Exchange, signature: Signature, now: number): Reason | null {
    if (this.#options.trustUnsigned) return isOver(signature, now) ? 'skew' : null
    for (const time of signedTimes(exchange, signature)) {
      if (Number.isNaN(time)) return 'date'
      if (Math.abs(now - time) > this.#options.skew) return 'skew'
    }
    return isOver(signature, now) ? 'skew' : null
  }

  /** A body is compared when it is there as a whole; that none is there can be told at once. */
  #bodyProblem(exchange: Exchange, signature: Signature): Reason | null {
    if (!this.#options.validateBody) return null
    const digests = this.#options.trustUnsigned ? digestsSent(exchange) : signedDigests(exchange, signature)
    if (digests === null) return 'digestMalformed'
    if (exchange.downstream.requestBody.length === 0) return hasDigests(EMPTY, digests) ? null : 'digest'
    if (digests.length === 0) return 'digestUncovered'
    this.#digests.set(exchange, digests)
    return null
  }
}

function fits(secret: KeyObject, signature: Buffer, algorithm: Algorithm, text: string): boolean {
  const expected = createHmac(algorithm.slice('hmac-'.length), secret).update(text, 'latin1').digest()
  return signature.length === expected.length && timingSafeEqual(signature, expected)
}
