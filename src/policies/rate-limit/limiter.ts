import { GatewayError } from '../../core/errors.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { PolicyLimits } from '../../core/limit-view.ts'
import type { Counter } from '../../core/observe.ts'
import type { CompileContext, Outcome, Verdict } from '../../core/policy.ts'
import { refuse } from '../../core/reply.ts'
import type { LimitDecision, LimitGroup } from '../../core/store.ts'
import type { LazyNote } from '../../core/trace.ts'
import { type FieldWriter, fieldWriter } from './fields.ts'
import { inspector } from './inspect.ts'
import { type Limit, limitsOf, shareOf } from './limits.ts'
import type { RateLimitOptions } from './schema.ts'
import { type KeyReader, keyReader, memoOf } from './subjects.ts'

/** Milliseconds between two lines in the event log about a store that is ill. */
const WARN_EVERY_MS = 10_000

/**
 * So many milliseconds after the store failed, guards take it for ill. Only for a while: who is refused there takes nothing, and nobody
 * else would find out that it is back.
 */
const ILL_MS = 250

const UNAVAILABLE = refuse('limit_store_unavailable')

/** The limits of one place where the policy is configured. */
export class RateLimiter {
  /** Whether some limit needs nobody to be known, so that it stands before authentication too. */
  readonly guards: boolean
  readonly view: PolicyLimits
  readonly #options: RateLimitOptions
  readonly #context: CompileContext
  readonly #limits: readonly Limit[]
  readonly #note: LazyNote
  readonly #readers: readonly KeyReader[]
  readonly #group: LimitGroup
  /** What this instance admits alone while the store is ill; null when that was not asked for. */
  readonly #alone: LimitGroup | null
  readonly #write: FieldWriter | null
  readonly #hits: readonly Counter[]
  readonly #errors: Counter
  /** Filled anew for each exchange: a store reads them before it returns. */
  readonly #keys: string[]
  /** Exchanges that wait for the store, which may have counted them already. */
  readonly #taking = new WeakSet<Exchange>()
  #isIll = false
  #failedAt = 0
  #warnedAt = Number.NEGATIVE_INFINITY

  constructor(options: RateLimitOptions, context: CompileContext) {
    const limits = limitsOf(options)
    const { store, onStoreError, localShare, cost, ipv6Prefix, headers } = options
    const { stores, metrics, scope } = context
    this.#options = options
    this.#context = context
    this.#limits = limits
    this.#note = new DecisionNote(limits.map(({ name, rule }) => ({ name, capacity: rule.capacity })))
    this.guards = options.guard && limits.some((limit) => limit.guards)
    this.#readers = limits.map(({ by, otherwise }) => keyReader(by, otherwise === 'ip' ? { kind: 'ip' } : null, ipv6Prefix))
    // The place names the state, and not the route: a policy on a service counts over all its routes.
    const id = `rate-limit ${options.counter ?? scope} ${limits.map(({ name }) => name).join(' ')}`
    const rules = limits.map(({ rule }) => rule)
    const limitStore = stores.limits(store)
    this.#group = limitStore.group(id, rules)
    this.view = inspector(limits, options, this.#group, limitStore.reach)
    this.#alone =
      store === 'memory' || onStoreError !== 'local-share' || localShare === undefined
        ? null
        : stores.limits('memory').group(
            `${id} alone`,
            rules.map((rule) => shareOf(rule, localShare, cost)),
          )
    this.#write = fieldWriter(limits, headers)
    this.#hits = limits.map(({ type }) =>
      metrics.counter('gateway_rate_limit_hits_total', 'Requests refused by a limit, by what it counts.', { limiter_type: type }),
    )
    this.#errors = metrics.counter(
      'gateway_rate_limit_store_errors_total',
      'Decisions that the store of limits did not give, by outcome.',
      {
        policy: scope,
        outcome: onStoreError,
      },
    )
    this.#keys = limits.map(() => '')
  }

  /** Refuses who has used up a limit that needs no identity, before anybody's credentials are looked at. Takes nothing. */
  guard(exchange: Exchange): Verdict {
    if (!this.#readGuardKeys(exchange)) return undefined
    const isIll = this.#isIll && this.#context.clock.now() - this.#failedAt < ILL_MS
    // Guesses that nobody counts are not to be answered: a right one would show in what is said of the store.
    if (isIll && this.#options.onStoreError === 'closed') {
      this.#errors.add(1)
      exchange.trace?.note('the store does not answer: closed')
      return UNAVAILABLE
    }
    const group = isIll && this.#alone !== null ? this.#alone : this.#group
    const refusal = group.refusal(this.#keys, this.#options.cost)
    return refusal === null ? undefined : this.#decide(exchange, refusal)
  }

  take(exchange: Exchange): Verdict | Promise<Verdict> {
    if (!this.#readKeys(exchange)) {
      exchange.trace?.note('no limit applies')
      return undefined
    }
    const keys = this.#keys
    const decision = this.#group.take(keys, this.#options.cost)
    return decision instanceof Promise ? this.#takeLater(exchange, decision, keys.slice()) : this.#decide(exchange, decision)
  }

  #takeLater(exchange: Exchange, decision: Promise<LimitDecision>, keys: readonly string[]): Promise<Verdict> {
    if (this.guards) this.#taking.add(exchange)
    return decision.then(
      (made) => {
        this.#taking.delete(exchange)
        this.#onAnswer()
        return this.#decide(exchange, made)
      },
      (error: unknown) => {
        this.#taking.delete(exchange)
        // Anything else is a fault of ours, and not to be taken for a store that is ill.
        if (!(error instanceof GatewayError)) throw error
        this.#onFailure(error)
        return this.#withoutStore(exchange, keys)
      },
    )
  }

  #withoutStore(exchange: Exchange, keys: readonly string[]): Verdict | Promise<Verdict> {
    const { onStoreError, cost } = this.#options
    exchange.trace?.note(`the store does not answer: ${onStoreError}`)
    if (this.#alone !== null) {
      const decision = this.#alone.take(keys, cost)
      return decision instanceof Promise ? decision.then((made) => this.#decide(exchange, made)) : this.#decide(exchange, decision)
    }
    return onStoreError === 'open' ? undefined : UNAVAILABLE
  }

  /** Tells clients what is left, and charges those who were refused before the take: who guesses passwords, or probes for what is forbidden. */
  respond(exchange: Exchange): undefined {
    const { limit, limitBy, response, attempts, caller } = exchange
    // Of another policy of the kind: its limits are not these.
    if (limit !== null && limitBy !== this) return
    if (limit !== null) this.#write?.(response.headers, limit, this.#context.clock.epochMs())
    else if (attempts.length > 0 || !this.#options.guard) return
    else if (response.status === 401 && this.guards && this.#readGuardKeys(exchange)) this.#charge()
    else if (response.status === 403 && caller.isKnown && this.#readKeys(exchange)) this.#charge()
  }

  /** Charges those who left while authentication was at work: a guess costs its hash, whether or not anybody waits for the answer. */
  finish(exchange: Exchange, { status }: Outcome): void {
    const wasTaken = exchange.limit !== null || exchange.response.status !== 0 || exchange.attempts.length > 0
    if (status !== 0 || wasTaken || this.#taking.has(exchange)) return
    if (this.#readGuardKeys(exchange)) this.#charge()
  }

  /** Takes for the keys that were read last. */
  #charge(): void {
    const { cost } = this.#options
    const decision = this.#group.take(this.#keys, cost)
    if (!(decision instanceof Promise)) return
    const keys = this.#keys.slice()
    // The refusal is on its way: it does not wait for what it costs.
    decision.then(
      () => this.#onAnswer(),
      (error: unknown) => {
        this.#onFailure(error)
        void this.#alone?.take(keys, cost)
      },
    )
  }

  /** Whether any limit applies. */
  #readKeys(exchange: Exchange): boolean {
    const readers = this.#readers
    const memo = memoOf(exchange.request)
    let applies = false
    for (let i = 0; i < readers.length; i++) {
      const key = (readers[i] as KeyReader)(exchange, memo)
      this.#keys[i] = key
      if (key !== '') applies = true
    }
    return applies
  }

  /** The keys of limits that need no identity; the others do not apply. */
  #readGuardKeys(exchange: Exchange): boolean {
    const memo = memoOf(exchange.request)
    let applies = false
    for (let i = 0; i < this.#readers.length; i++) {
      const key = (this.#limits[i] as Limit).guards ? (this.#readers[i] as KeyReader)(exchange, memo) : ''
      this.#keys[i] = key
      if (key !== '') applies = true
    }
    return applies
  }

  #decide(exchange: Exchange, decision: LimitDecision): Verdict {
    exchange.limit = decision
    exchange.limitBy = this
    exchange.trace?.note(this.#note)
    if (decision.admitted) return undefined
    const { refusedBy, retryAfterMs } = decision
    this.#hits[refusedBy]?.add(1)
    const { headers, status, message = null } = this.#options
    const told: [string, string][] = []
    // Never, for a cost above what there can be, is no number of seconds. Where windows are told, their fields say it.
    if (Number.isFinite(retryAfterMs) && headers !== 'per-window' && headers !== 'hidden') {
      told.push(['Retry-After', `${Math.max(1, Math.ceil(retryAfterMs / 1000))}`])
    }
    if (headers !== 'per-window' && headers !== 'hidden') told.push(['X-RateLimit-Limit-Type', this.#limits[refusedBy]?.type ?? ''])
    return { ...refuse('rate_limited', message, told), status }
  }

  // --- how the store is

  #onAnswer(): void {
    if (!this.#isIll) return
    this.#isIll = false
    this.#warnedAt = Number.NEGATIVE_INFINITY
    this.#context.log.info({ policy: 'rate-limit', scope: this.#context.scope }, 'limits are counted in the store again')
  }

  #onFailure(error: unknown): void {
    this.#isIll = true
    this.#errors.add(1)
    const now = this.#context.clock.now()
    this.#failedAt = now
    if (now - this.#warnedAt < WARN_EVERY_MS) return
    this.#warnedAt = now
    const { onStoreError } = this.#options
    this.#context.log.warn(
      {
        policy: 'rate-limit',
        scope: this.#context.scope,
        onStoreError,
        code: UNAVAILABLE.code,
        reason: error instanceof Error ? error.message : String(error),
      },
      'the store of limits does not answer',
    )
  }
}

interface NamedLimit {
  readonly name: string
  readonly capacity: number
}

/** Put into words only when somebody reads it: on most requests nobody does. */
class DecisionNote implements LazyNote {
  readonly #limits: readonly NamedLimit[]

  constructor(limits: readonly NamedLimit[]) {
    this.#limits = limits
  }

  render(limit: LimitDecision | null): string {
    if (limit === null) return 'limits were looked at'
    const { refusedBy, retryAfterMs, remaining, resetMs } = limit
    const refusing = this.#limits[refusedBy]
    if (refusing !== undefined) return `limit ${refusing.name} is used up: wait ${Math.ceil(retryAfterMs / 1000)} s`
    const left = this.#limits.flatMap(({ name, capacity }, i) =>
      remaining[i] === 0 && resetMs[i] === 0 ? [] : [`${name} ${remaining[i]} of ${capacity}`],
    )
    return `left of limits: ${left.join(', ')}`
  }
}
