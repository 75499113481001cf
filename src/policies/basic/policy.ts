import { type AuthenticationTerms, isSpared, reviewTerms, termsOf, turnAway } from '../../core/authentication-terms.ts'
import { admit } from '../../core/caller.ts'
import { type BasicCredential, isInForce, type Owned } from '../../core/consumers.ts'
import type { Exchange } from '../../core/exchange.ts'
import { STRONG_COST } from '../../core/password-hash.ts'
import type { CompileContext, PolicyDefinition, Verdict } from '../../core/policy.ts'
import { type Reply, refuse } from '../../core/reply.ts'
import { readCredentials, readField, removeCredentials, type UserPass } from './credentials.ts'
import { OVERLOADED, PasswordCheck } from './password-check.ts'
import type { BasicOptions } from './schema.ts'

export const basic: PolicyDefinition<BasicOptions> = {
  kind: 'basic',
  summary: 'Lets pass who has name and password of a consumer (HTTP Basic).',
  identifies: true,
  authenticates: true,
  loadSchema: () => import('./schema.ts').then((module) => module.schema),

  review: reviewTerms,

  compile(options, context) {
    const gate = new PasswordGate(options, context)
    return { onRequest: (exchange) => gate.check(exchange) }
  },
}

const BUSY = refuse('authentication_overloaded')

/** What a connection remembers of its last head: whose password was in it, and until when that is believed. */
class LoginMemo {
  readonly gate: PasswordGate
  readonly owned: Owned<BasicCredential>
  readonly until: number

  constructor(gate: PasswordGate, owned: Owned<BasicCredential>, until: number) {
    this.gate = gate
    this.owned = owned
    this.until = until
  }
}

class PasswordGate {
  readonly #options: BasicOptions
  readonly #context: CompileContext
  readonly #terms: AuthenticationTerms
  readonly #passwords: PasswordCheck
  readonly #missing: Reply
  readonly #invalid: Reply
  readonly #expired: Reply

  constructor(options: BasicOptions, context: CompileContext) {
    this.#options = options
    this.#context = context
    this.#passwords = context.resources.keep('basic passwords', () => new PasswordCheck())
    this.#terms = termsOf(options, context.consumers)
    const challenge = [['WWW-Authenticate', options.challenge ?? `Basic realm="${options.realm}", charset="UTF-8"`]] as const
    this.#missing = refuse('credentials_missing', null, challenge, undefined, 'login-missing')
    this.#invalid = refuse('credentials_invalid', null, challenge, undefined, 'login-wrong')
    this.#expired = refuse('credentials_expired', null, challenge, undefined, 'login-expired')
  }

  check(exchange: Exchange): Verdict | Promise<Verdict> {
    const { request } = exchange
    if (isSpared(exchange, this.#terms)) {
      this.#hide(exchange)
      return undefined
    }
    const now = this.#context.clock.now()
    const memo = request.authMemo
    if (memo instanceof LoginMemo && memo.gate === this && now < memo.until) return this.#admit(exchange, memo.owned)
    const login = this.#loginOf(exchange)
    if (login === null) return this.#deny(exchange, this.#missing, 'no name and password')
    if (typeof login === 'string') return this.#deny(exchange, this.#invalid, login)
    const candidates = this.#context.consumers.byUsername(login.username)
    for (const owned of candidates) {
      const until = this.#passwords.knownUntil(this.#nameOf(login, owned), now)
      if (until > 0) return this.#welcome(exchange, owned, until)
    }
    return this.#compare(exchange, login, candidates)
  }

  /** What is written for proxies counts before what is written for us, where it names somebody. */
  #loginOf({ request }: Exchange): UserPass | null | string {
    const own = readCredentials(request.headers)
    if (!this.#options.proxyAuthorization || request.proxyAuthorization === '') return own
    const login = readField([request.proxyAuthorization])
    if (typeof login === 'string' || login === null) return own
    // Alone it is judged also where it names nobody: an answer like that to no login at all would tell which names there are.
    return own === null || this.#context.consumers.byUsername(login.username).length > 0 ? login : own
  }

  async #compare(exchange: Exchange, login: UserPass, candidates: readonly Owned<BasicCredential>[]): Promise<Verdict> {
    const { serial } = exchange.request
    const found = await this.#ownerOf(login, candidates)
    if (found === OVERLOADED) {
      exchange.trace?.note('too many passwords are being checked')
      // That is not a wrong credential: no other policy's word can make it one.
      return BUSY
    }
    if (found === null) return this.#deny(exchange, this.#invalid, 'a wrong name or password')
    const until = this.#context.clock.now() + this.#options.cacheTtl
    if (this.#options.cacheTtl > 0) this.#passwords.remember(this.#nameOf(login, found), until)
    return exchange.request.serial === serial ? this.#welcome(exchange, found, until) : this.#admit(exchange, found)
  }

  /** One after the other: most names have one password, and a rotation two. A name that nobody has costs what one does that somebody has. */
  async #ownerOf(
    login: UserPass,
    candidates: readonly Owned<BasicCredential>[],
  ): Promise<Owned<BasicCredential> | null | typeof OVERLOADED> {
    if (candidates.length === 0) {
      const { passwordCosts: costs } = this.#context.consumers
      const cost = costs[costs.length === 0 ? 0 : this.#passwords.pick(login.username, costs.length)] ?? STRONG_COST
      return (await this.#passwords.pretend(login.password, cost)) || null
    }
    for (const owned of candidates) {
      const fits = await this.#passwords.verify(this.#nameOf(login, owned), login.password, owned.credential.passwordHash)
      if (fits === OVERLOADED) return OVERLOADED
      if (fits) return owned
    }
    return null
  }

  #nameOf({ username, password }: UserPass, { credential }: Owned<BasicCredential>): string {
    return this.#passwords.nameOf(username, password, credential.passwordHash)
  }

  #welcome(exchange: Exchange, owned: Owned<BasicCredential>, until: number): Verdict {
    const { request } = exchange
    if (request.authMemo === null || request.authMemo instanceof LoginMemo) request.authMemo = new LoginMemo(this, owned, until)
    return this.#admit(exchange, owned)
  }

  #admit(exchange: Exchange, { consumer, credential }: Owned<BasicCredential>): Verdict {
    if (!isInForce(credential, this.#context.clock.epochMs())) {
      return this.#deny(exchange, this.#expired, `password ${credential.id} of consumer ${consumer.name}, which is not in force`)
    }
    this.#hide(exchange)
    exchange.trace?.note(`password ${credential.id} of consumer ${consumer.name}`)
    const { id: credentialId, username: credentialName } = credential
    return admit(exchange, { method: 'basic', consumer, credentialId, credentialName, replaces: this.#terms.replaces })
  }

  #deny(exchange: Exchange, refusal: Reply, note: string): Verdict {
    // Another policy may let the exchange pass, and the service is not to get the password then either.
    this.#hide(exchange)
    exchange.trace?.note(note)
    return turnAway(exchange, refusal, this.#terms)
  }

  #hide({ request }: Exchange): void {
    if (!this.#options.forward) removeCredentials(request.headers)
  }
}
