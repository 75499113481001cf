import type { ConsulRule, DiscoveredTarget, DiscoveryContext, DiscoveryEvents, DiscoveryWatch } from '../../core/discovery.ts'
import type { Backoff } from '../backoff.ts'
import { RegistryClient, RegistryError } from '../registry-client.ts'
import { BlockingQuery, type ConsulAnswer } from './blocking-query.ts'
import { readInstances } from './health.ts'

/** How long a registry that was away, or has lost data, is not believed that there are no instances any more. */
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
  /** Until when an empty answer is doubted, by `performance.now`. */
  #doubtUntil = 0
  /** Runs while an empty answer is doubted. */
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
    // An empty answer that is in doubt already stays so for no longer when there is one more reason.
    if ((this.#hasFailed || wentBack) && this.#doubt === null) this.#doubtUntil = now + this.#doubtMs
    this.#hasFailed = false
    this.#endDoubt()
    if (targets.length === 0 && (this.#told?.length ?? 0) > 0 && now < this.#doubtUntil) this.#doubtEmpty(this.#doubtUntil - now)
    else this.#tell(targets)
  }

  #onFailure(reason: string): void {
    this.#hasFailed = true
    this.#endDoubt()
    this.#events.onDegraded(reason)
  }

  /**
   * A Consul that has just come back, or whose index went back, may have lost what was registered, or have checks that did not run yet. The
   * instances are there all the same; so the last answer stays until it has had time to fill again.
   */
  #doubtEmpty(ms: number): void {
    const seconds = Math.ceil(ms / 1_000)
    this.#events.onDegraded(
      `${this.#client.host} was away or has lost data, and now knows no passing instance of ${this.#rule.service}: believed in ${seconds} s`,
    )
    this.#doubt = setTimeout(() => {
      this.#doubt = null
      this.#tell([])
    }, ms)
  }

  #endDoubt(): void {
    if (this.#doubt !== null) clearTimeout(this.#doubt)
    this.#doubt = null
  }

  #tell(targets: readonly DiscoveredTarget[]): void {
    const isNew = this.#told === null || JSON.stringify(targets) !== JSON.stringify(this.#told)
    if (isNew && targets.length === 0)
      this.#context.log.warn(
        { registry: this.#client.host, service: this.#rule.service },
        'no instance passes: requests are answered with 503',
      )
    this.#told = targets
    if (isNew) this.#events.onTargets(targets)
    this.#events.onDegraded(null)
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
