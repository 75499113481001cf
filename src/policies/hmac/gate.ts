import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto'
import { admit, deny } from '../../core/caller.ts'
import { type HmacCredential, isInForce, type Owned } from '../../core/consumers.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { CompileContext, PolicySteps, Verdict } from '../../core/policy.ts'
import { type BodyDigest, hasDigests, signedDigests } from './body-digest.ts'
import { readMessageSignatures } from './message-signature.ts'
import { type Reason, Refusals } from './refusals.ts'
import type { HmacOptions } from './schema.ts'
import { type Algorithm, readSignature, removeSignature, type Signature } from './signature.ts'
import { coversAll, isOver, signedText, signedTimes } from './signed-text.ts'

const EMPTY = Buffer.alloc(0)

export class SignatureGate {
  readonly #options: HmacOptions
  readonly #context: CompileContext
  readonly #refusals: Refusals
  readonly #secrets = new WeakMap<HmacCredential, KeyObject>()
  /** For names that nobody has: they cost what others do. */
  readonly #noSecret = createSecretKey(randomBytes(32))
  /** What the body of an exchange is to have, from its admission to its end. */
  readonly #digests = new WeakMap<Exchange, readonly BodyDigest[]>()

  constructor(options: HmacOptions, context: CompileContext) {
    this.#options = options
    this.#context = context
    this.#refusals = new Refusals(options.realm, options.requiredHeaders)
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
    const { request, caller } = exchange
    // In shadow nothing tells of the end of the last exchange.
    if (this.#options.validateBody) this.#digests.delete(exchange)
    const found = caller.isSettled ? 'missing' : this.#find(exchange)
    // The service is not to get it, also when another policy lets the exchange pass.
    if (!this.#options.forward) removeSignature(request.headers)
    if (caller.isSettled) return undefined
    if (typeof found === 'string') {
      exchange.trace?.note(this.#refusals.noteOf(found))
      return deny(exchange, this.#refusals.of(found))
    }
    const { consumer, credential } = found
    exchange.trace?.note(`signed with ${credential.id} of consumer ${consumer.name}`)
    return admit(exchange, { method: 'hmac', consumer, credentialId: credential.id })
  }

  #find(exchange: Exchange): Owned<HmacCredential> | Reason {
    const { headers } = exchange.request
    const signature = readSignature(headers)
    if (signature !== null) return signature === 'malformed' ? 'malformed' : this.#judge(exchange, signature)
    const signatures = readMessageSignatures(headers)
    if (signatures === null || signatures === 'malformed') return signatures ?? 'missing'
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
    if (!coversAll(signature, this.#options.requiredHeaders)) return 'uncovered'
    const text = signedText(exchange, signature)
    if (text === null) return 'absent'
    const found = this.#signerOf(signature, algorithm, text)
    if (found === null) return 'wrong'
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
  #signerOf({ keyId, bytes }: Signature, algorithm: Algorithm, text: string): Owned<HmacCredential> | null {
    const candidates = this.#context.consumers.byHmacKeyId(keyId)
    if (candidates.length === 0) fits(this.#noSecret, bytes, algorithm, text)
    return candidates.find(({ credential }) => fits(this.#secretOf(credential), bytes, algorithm, text)) ?? null
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
    for (const time of signedTimes(exchange, signature)) {
      if (Number.isNaN(time)) return 'date'
      if (Math.abs(now - time) > this.#options.skew) return 'skew'
    }
    return isOver(signature, now) ? 'skew' : null
  }

  /** A body is compared when it is there as a whole; that none is there can be told at once. */
  #bodyProblem(exchange: Exchange, signature: Signature): Reason | null {
    if (!this.#options.validateBody) return null
    const digests = signedDigests(exchange, signature)
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
