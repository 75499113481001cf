import { type Clock, systemClock } from '../../core/clock.ts'
import type { DiscoveredTarget, DiscoveryContext, DiscoveryEvents, DiscoveryWatch, DnsRule, LookupState } from '../../core/discovery.ts'
import type { Logger } from '../../core/observe.ts'
import { CachedQuestion } from './cached-question.ts'
import { reachableFamilies, withLocalNames } from './local-names.ts'
import type { Question } from './message.ts'
import { Places } from './places.ts'
import { DnsResolver, type Resolve } from './resolver.ts'
import { serversOf } from './servers.ts'
import { type Families, questionsOf, TARGETS_MAX, targetsOf } from './targets.ts'

const HOSTS_FILE = '/etc/hosts'
/** Questions under way at once for one service; the others wait. */
const ASKING_MAX = 16
/** And for all services of the process: each holds a socket. */
const PLACES = new Places(256)
/** How long the first addresses of a service wait for the others that are being looked up (RFC 8305, section 3, has 50 ms). */
const COMPLETION_MS = 100

export interface DnsWatchParts {
  readonly resolve: Resolve
  readonly clock: Clock
  readonly log: Logger
  readonly families: () => Families
  /** Calls back later. @returns stops it */
  readonly after: (delayMs: number, run: () => void) => () => void
}

/** Watches the addresses of a name. Each question is asked again when its answer's time is over; until there is a new one the old one stays. */
export function watchDns(rule: DnsRule, { metrics, log }: DiscoveryContext, events: DiscoveryEvents): DiscoveryWatch {
  const { resolve } = new DnsResolver({ clock: systemClock, metrics, places: PLACES, servers: () => serversOf(rule.servers) })
  return new DnsWatch(rule, events, {
    // Who names servers means what they say.
    resolve: withLocalNames(resolve, rule.servers.length > 0 ? null : HOSTS_FILE),
    clock: systemClock,
    log,
    families: reachableFamilies,
    after: (delayMs, run) => {
      const timer = setTimeout(run, Math.ceil(delayMs)).unref()
      return () => clearTimeout(timer)
    },
  })
}

export class DnsWatch implements DiscoveryWatch {
  readonly #rule: DnsRule
  readonly #events: DiscoveryEvents
  readonly #parts: DnsWatchParts
  readonly #closing = new AbortController()
  /** By type and name. */
  #cache = new Map<string, CachedQuestion>()
  #told: readonly DiscoveredTarget[] | null = null
  #degraded: string | null = null
  /** Until when those that are known wait for the others; null while all are known. */
  #completeByMs: number | null = null
  #stopTimer: () => void = () => undefined

  constructor(rule: DnsRule, events: DiscoveryEvents, parts: DnsWatchParts) {
    this.#rule = rule
    this.#events = events
    this.#parts = parts
    this.#step()
  }

  refresh(): void {
    const nowMs = this.#parts.clock.now()
    for (const cached of this.#cache.values()) cached.hasten(nowMs)
    this.#step()
  }

  lookups(): readonly LookupState[] {
    const nowMs = this.#parts.clock.now()
    return [...this.#cache.values()].map((cached) => cached.state(nowMs, this.#hasAddresses()))
  }

  close(): void {
    this.#stopTimer()
    this.#closing.abort(new Error('the watch is closed'))
  }

  /** Does what is to be done now, and comes back when there is more. */
  #step(): void {
    if (this.#closing.signal.aborted) return
    const nowMs = this.#parts.clock.now()
    this.#followRecords(nowMs)
    this.#tell(nowMs)
    this.#askDue(nowMs)
    this.#stopTimer()
    const nextMs = this.#nextStepAtMs(nowMs)
    this.#stopTimer = nextMs === null ? () => undefined : this.#parts.after(Math.max(0, nextMs - nowMs), () => this.#step())
  }

  #followRecords(nowMs: number): void {
    const cache = new Map<string, CachedQuestion>()
    for (const question of questionsOf(this.#rule, this.#parts.families(), this.#answerTo)) {
      const key = keyOf(question)
      cache.set(key, this.#cache.get(key) ?? new CachedQuestion(question, nowMs))
    }
    this.#cache = cache
  }

  readonly #answerTo = (question: Question) => this.#cache.get(keyOf(question))?.answer ?? null

  #askDue(nowMs: number): void {
    const all = [...this.#cache.values()]
    const hasAddresses = this.#hasAddresses()
    let places = ASKING_MAX - all.filter(({ isAsking }) => isAsking).length
    for (const cached of all) {
      if (places <= 0) return
      if (cached.isAsking || cached.dueAtMs(hasAddresses) > nowMs) continue
      places--
      void this.#ask(cached, nowMs)
    }
  }

  async #ask(cached: CachedQuestion, nowMs: number): Promise<void> {
    const { clock, resolve } = this.#parts
    cached.onAsk(nowMs, clock.epochMs())
    try {
      cached.onAnswer(await resolve(cached.question, this.#closing.signal), clock.now())
    } catch (error) {
      cached.onFault(error instanceof Error ? error.message : String(error), clock.now(), clock.random())
    }
    this.#step()
  }

  #nextStepAtMs(nowMs: number): number | null {
    const waiting = [...this.#cache.values()].filter(({ isAsking }) => !isAsking)
    const hasAddresses = this.#hasAddresses()
    // Without a free place the next answer gives one.
    const isFull = this.#cache.size - waiting.length >= ASKING_MAX
    const times = isFull ? [] : waiting.map((cached) => cached.dueAtMs(hasAddresses))
    if (this.#completeByMs !== null && this.#completeByMs > nowMs) times.push(this.#completeByMs)
    return times.length === 0 ? null : Math.min(...times)
  }

  #hasAddresses(): boolean {
    return this.#told !== null && this.#told.length > 0
  }

  #tell(nowMs: number): void {
    this.#tellDegraded()
    const all = [...this.#cache.values()]
    const targets = targetsOf(
      this.#rule,
      this.#parts.families(),
      all.map(({ question }) => question),
      this.#answerTo,
    )
    const unknown = all.filter(({ answer }) => answer === null)
    if (unknown.length === 0) this.#completeByMs = null
    else {
      // Whether there are any is not known before all have answered.
      if (targets.length === 0) return
      this.#completeByMs ??= nowMs + COMPLETION_MS
      // Who could not be asked is not waited for.
      if (nowMs < this.#completeByMs && unknown.some(({ fault }) => fault === null)) return
    }
    if (JSON.stringify(targets) === JSON.stringify(this.#told)) return
    this.#warn(targets)
    this.#told = targets
    this.#events.onTargets(targets)
  }

  #warn(targets: readonly DiscoveredTarget[]): void {
    const { name } = this.#rule
    const { log } = this.#parts
    if (targets.length === 0) log.warn({ name }, 'a name has no addresses: its service has no targets')
    if (targets.length === TARGETS_MAX) log.warn({ name, targets: TARGETS_MAX }, 'a name has too many addresses: the others are left out')
  }

  #tellDegraded(): void {
    const faults = [...this.#cache.values()].flatMap(({ question, fault }) =>
      fault === null ? [] : `${question.type} ${question.name} at ${fault}`,
    )
    const [first = null] = faults
    const reason = first === null || faults.length === 1 ? first : `${first} (and ${faults.length - 1} more)`
    if (reason === this.#degraded) return
    this.#degraded = reason
    this.#events.onDegraded(reason)
  }
}

function keyOf({ name, type }: Question): string {
  return `${type} ${name}`
}
