import type { UserRecord } from '../../core/caller.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { CompileContext, Verdict } from '../../core/policy.ts'
import { refuse } from '../../core/reply.ts'
import { type Found, type Known, UserCache } from './cache.ts'
import type { UsersOptions } from './schema.ts'
import { UserSource } from './source.ts'
import { parseUrlTemplate, type UrlTemplate, userUrl } from './url-template.ts'

/** Users that one worker asks for at once; for more the answer is that of a user service which does not answer. */
const PENDING_MAX = 1_000
/** A record that comes from the store may be as old as it can be there; memory makes it at most this part of `cacheTtl` older. */
const STORED_SHARE = 10
/** A stale record is used for so many milliseconds before its user is asked for again: nobody waits in vain for each request. */
const STALE_PAUSE_MS = 1_000

const NOT_FOUND = refuse('user_not_found')
const NAMES_NO_USER = refuse('user_not_found', 'The credential names no user')
/** Not a 403: who is not known may try again with credentials. RFC 9110, 11.6.1 wants a challenge with it. */
const NOBODY = refuse('credentials_missing', null, [['WWW-Authenticate', 'Bearer']])
const UNAVAILABLE = { user_service_unavailable: refuse('user_service_unavailable'), store_unavailable: refuse('store_unavailable') }

const RESULTS = ['memory', 'redis', 'service', 'negative', 'stale', 'error'] as const
type Result = (typeof RESULTS)[number]

/** Finds records for one place where the policy is configured. */
export class UserDirectory {
  readonly #options: UsersOptions
  readonly #context: CompileContext
  readonly #template: UrlTemplate
  readonly #cache: UserCache
  readonly #source: UserSource
  readonly #count: (result: Result) => void

  constructor(options: UsersOptions, context: CompileContext) {
    this.#options = options
    this.#context = context
    this.#template = checkedTemplate(options.url)
    this.#cache = context.resources.keep(cacheKey(options), () => new UserCache(options.cacheMax))
    this.#source = new UserSource(options, context)
    this.#count = lookupCounter(context)
  }

  identify(exchange: Exchange): Verdict | Promise<Verdict> {
    const { caller } = exchange
    const { subject } = caller
    if (subject === '') return this.#withoutUser(exchange)
    const known = this.#cache.get(subject)
    const now = this.#context.clock.now()
    if (known === undefined || known.freshUntil <= now) {
      const stale = known !== undefined && now < known.retryAt ? this.#staleRecord(known, now) : null
      return stale === null ? this.#lookUp(exchange, subject) : this.#useStale(exchange, stale)
    }
    if (known.record === null) return this.#unknown(exchange)
    caller.user = known.record
    this.#count('memory')
    exchange.trace?.note('record of the user from memory')
    return undefined
  }

  #withoutUser({ caller, trace }: Exchange): Verdict {
    trace?.note(caller.isKnown ? 'the credential names no user' : 'nobody is known')
    // A token is a user's: without a name its own word on roles would stand in for the record.
    if (!this.#options.required && caller.claims === null) return undefined
    return caller.isKnown ? NAMES_NO_USER : (caller.refusal ?? NOBODY)
  }

  #unknown({ trace }: Exchange): Verdict {
    this.#count('negative')
    trace?.note('there is no such user')
    return NOT_FOUND
  }

  #lookUp(exchange: Exchange, subject: string): Verdict | Promise<Verdict> {
    const url = userUrl(this.#template, subject)
    if (url === null) return this.#unknown(exchange)
    const { pending } = this.#cache
    let finding = pending.get(subject)
    if (finding === undefined) {
      if (pending.size >= PENDING_MAX) return this.#failed(exchange, subject, 'user_service_unavailable')
      finding = this.#find(subject, url)
      pending.set(subject, finding)
    }
    return finding.then((found) => this.#settle(exchange, subject, found))
  }

  /** Asks for a user, once however many requests wait for it, and remembers the answer. */
  async #find(subject: string, url: string): Promise<Found> {
    try {
      const found = await this.#source.find(subject, url)
      this.#remember(subject, found)
      return found
    } finally {
      this.#cache.pending.delete(subject)
    }
  }

  #remember(subject: string, { record, from, error }: Found): void {
    const now = this.#context.clock.now()
    if (error !== null) {
      const known = this.#cache.get(subject)
      if (known !== undefined) known.retryAt = now + STALE_PAUSE_MS
      return
    }
    const { cacheTtl, negativeTtl } = this.#options
    const ttlMs = record === null ? negativeTtl : from === 'redis' ? cacheTtl / STORED_SHARE : cacheTtl
    this.#cache.set(subject, { record, freshUntil: now + ttlMs, retryAt: 0 })
  }

  #settle(exchange: Exchange, subject: string, { record, from, error }: Found): Verdict {
    if (error !== null) return this.#failed(exchange, subject, error)
    if (record === null) return this.#unknown(exchange)
    exchange.caller.user = record
    this.#count(from)
    exchange.trace?.note(`record of the user from ${from === 'redis' ? 'the store' : 'the user service'}`)
    return undefined
  }

  #failed(exchange: Exchange, subject: string, error: keyof typeof UNAVAILABLE): Verdict {
    exchange.trace?.note(`${error === 'store_unavailable' ? 'the store' : 'the user service'} does not answer`)
    const known = this.#cache.get(subject)
    const stale = known === undefined ? null : this.#staleRecord(known, this.#context.clock.now())
    if (stale !== null) return this.#useStale(exchange, stale)
    this.#count('error')
    return UNAVAILABLE[error]
  }

  #staleRecord({ record, freshUntil }: Known, now: number): UserRecord | null {
    const { onError, staleMax } = this.#options
    return onError === 'stale' && now < freshUntil + staleMax ? record : null
  }

  #useStale({ caller, trace }: Exchange, record: UserRecord): undefined {
    caller.user = record
    this.#count('stale')
    trace?.note('the last record of the user is used')
  }
}

/** Whatever changes what a record means or how long it holds makes another cache; options beside it may change over a reload. */
function cacheKey({ url, headers, roles, permissions, cacheTtl, negativeTtl, cacheMax, store }: UsersOptions): string {
  return `users ${JSON.stringify([url, headers, roles, permissions, cacheTtl, negativeTtl, cacheMax, store])}`
}

function lookupCounter({ metrics }: CompileContext): (result: Result) => void {
  const help = 'Look-ups of user records, by where the answer came from.'
  const counters = new Map(RESULTS.map((result) => [result, metrics.counter('gateway_user_lookups_total', help, { result })]))
  return (result) => counters.get(result)?.add(1)
}

function checkedTemplate(url: string): UrlTemplate {
  const template = parseUrlTemplate(url)
  if ('problem' in template) throw new Error(`users: ${template.problem}`)
  return template
}
