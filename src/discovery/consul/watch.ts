import type { ConsulRule, DiscoveredTarget, DiscoveryContext, DiscoveryEvents, DiscoveryWatch } from '../../core/discovery.ts'
import type { Backoff } from '../backoff.ts'
import { RegistryClient, RegistryError } from '../registry-client.ts'
import { BlockingQuery, type ConsulAnswer } from './blocking-query.ts'
import { keyOf, readInstances } from './health.ts'

/** How long a Consul that was away, or has lost data, is not believed that targets are gone. */
const DOUBT_MS = 60_000
/** Consul tells of itself what it knows; asking it at once helps only where a query waits for what does not come. */
const REFRESH_MS = 10_000

export interface ConsulTiming {
  /** Default: 60 s. */
  readonly doubtMs?: number
  /** Default: 10 s. */
  readonly answerTimeoutMs?: number
  readonly backoff?: Backoff
}

/** Watches the instances of a service whose checks pass. */
export function watchConsul(
  rule: ConsulRule,
  context: DiscoveryContext,
  events: DiscoveryEvents,
  timing: ConsulTiming = {},
): DiscoveryWatch {
  try {
    return new ConsulWatch(rule, context, events, timing)
  } catch (error) {
    // An address or a certificate that cannot be used at all: only another configuration helps.
    events.onDegraded(error instanceof Error ? error.message : String(error))
    return { refresh: () => {}, close: () => {} }
  }
}

class ConsulWatch implements DiscoveryWatch {
  readonly #rule: ConsulRule
  readonly #context: DiscoveryContext
  readonly #events: DiscoveryEvents
  readonly #doubtMs: number
  readonly #client: RegistryClient
  readonly #query: BlockingQuery
  /** What was told last; null before the first answer. */
  #told: readonly DiscoveredTarget[] | null = null
  #unusable = ''
  #hasFailed = false
  #refreshedAt = Number.NEGATIVE_INFINITY
  /** Until when it is doubted that targets are gone, by `performance.now`. */
  #doubtUntil = 0
  /** Whether the index went back in that time. */
  #hasLost = false
  /** Runs while targets are kept that Consul does not know. */
  #doubt: NodeJS.Timeout | null = null

  constructor(rule: ConsulRule, context: DiscoveryContext, events: DiscoveryEvents, { doubtMs = DOUBT_MS, ...timing }: ConsulTiming) {
    this.#rule = rule
    this.#context = context
    this.#events = events
    this.#doubtMs = doubtMs
    this.#client = new RegistryClient(rule.url, rule.tls)
    this.#query = new BlockingQuery({
      connect: () => this.#client,
      path: pathOf(rule),
      token: rule.token,
      waitMs: rule.waitMs,
      takesMissing: false,
      rights: this.#rights,
      onAnswer: (answer) => this.#onAnswer(answer),
      onFailure: (reason) => this.#onFailure(reason),
      ...timing,
    })
  }

  refresh(): void {
    const now = performance.now()
    if (now - this.#refreshedAt < REFRESH_MS) return
    this.#refreshedAt = now
    this.#query.askNow()
  }

  close(): void {
    this.#endDoubt()
    this.#query.close()
    this.#client.close()
  }

  #onAnswer({ answer, wentBack }: ConsulAnswer): void {
    const targets = this.#read(answer.json())
    const now = performance.now()
    if (now >= this.#doubtUntil) this.#hasLost = false
    // What is in doubt already stays so for no longer when there is one more reason.
    if ((this.#hasFailed || wentBack) && this.#doubt === null) this.#doubtUntil = now + this.#doubtMs
    this.#hasFailed = false
    this.#hasLost ||= wentBack
    this.#endDoubt()
    const kept = now < this.#doubtUntil ? this.#missing(targets) : []
    if (kept.length === 0) this.#believe(targets)
    else this.#doubtFor(this.#doubtUntil - now, targets, kept)
  }

  #onFailure(reason: string): void {
    this.#hasFailed = true
    this.#endDoubt()
    this.#events.onDegraded(reason)
  }

  /**
   * The targets that a Consul which has just come back, or has lost data, may have forgotten: they are there all the same, and it needs time to fill
   * again. One that was only away is doubted when it knows none at all: checks that have not run yet do not pass.
   */
  #missing(targets: readonly DiscoveredTarget[]): readonly DiscoveredTarget[] {
    if (!this.#hasLost && targets.length > 0) return []
    return (this.#told ?? []).filter(({ host, port }) => !targets.some((other) => other.host === host && other.port === port))
  }

  #doubtFor(ms: number, targets: readonly DiscoveredTarget[], kept: readonly DiscoveredTarget[]): void {
    const seconds = Math.ceil(ms / 1_000)
    const all = [...targets, ...kept].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    this.#tell(all)
    this.#events.onDegraded(
      `${this.#client.host} was away or has lost data, and does not know ${kept.length} of ${all.length} targets of ${this.#rule.service}: kept for ${seconds} s`,
    )
    this.#doubt = setTimeout(() => {
      this.#doubt = null
      this.#believe(targets)
    }, ms)
  }

  #endDoubt(): void {
    if (this.#doubt !== null) clearTimeout(this.#doubt)
    this.#doubt = null
  }

  #believe(targets: readonly DiscoveredTarget[]): void {
    this.#tell(targets)
    this.#events.onDegraded(null)
  }

  #tell(targets: readonly DiscoveredTarget[]): void {
    if (this.#told !== null && JSON.stringify(targets) === JSON.stringify(this.#told)) return
    if (targets.length === 0)
      this.#context.log.warn(
        { registry: this.#client.host, service: this.#rule.service },
        'no instance passes: requests are answered with 503',
      )
    this.#told = targets
    this.#events.onTargets(targets)
  }

  #read(answer: unknown): readonly DiscoveredTarget[] {
    const { service } = this.#rule
    try {
      const { targets, unusable } = readInstances(answer)
      const names = unusable.slice(0, 10).join(', ')
      if (names !== '' && names !== this.#unusable)
        this.#context.log.warn(
          { registry: this.#client.host, service, instances: names },
          'instances without a port or a sound address are left out',
        )
      this.#unusable = names
      return targets
    } catch (error) {
      throw new RegistryError(`the answer of ${this.#client.host} ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  get #rights(): string {
    return `service:read for ${this.#rule.service} and node:read`
  }
}

function pathOf({ service, tags, datacenter }: ConsulRule): string {
  const query = new URLSearchParams({ passing: '1' })
  if (datacenter !== null) query.set('dc', datacenter)
  for (const tag of tags) query.append('tag', tag)
  return `/v1/health/service/${encodeURIComponent(service)}?${query.toString()}`
}
