import type { Clock } from '../core/clock.ts'
import type { ErrorCode, GatewayError } from '../core/errors.ts'
import type { Logger } from '../core/observe.ts'

/** Codes that leave the cause open, which no client and no access log is told either. */
const UNEXPLAINED: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['upstream_tls_failed', 'upstream_connect_failed'])
const EVERY_MS = 60_000
/** Causes remembered at once. OpenSSL has many words, but a service has few targets and faults. */
const CAUSES_MAX = 1_000

/** Tells in the event log why targets of a service cannot be connected to: each cause once a minute for each target, however many requests meet it. */
export class ConnectWarnings {
  readonly #service: string
  readonly #log: Logger
  readonly #clock: Clock
  readonly #toldAt = new Map<string, number>()

  constructor(service: string, log: Logger, clock: Clock) {
    this.#service = service
    this.#log = log
    this.#clock = clock
  }

  tell(target: string, error: GatewayError): void {
    if (!UNEXPLAINED.has(error.code)) return
    const nowMs = this.#clock.now()
    const key = `${target} ${error.message}`
    if (nowMs - (this.#toldAt.get(key) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) return
    if (this.#toldAt.size >= CAUSES_MAX) this.#toldAt.clear()
    this.#toldAt.set(key, nowMs)
    this.#log.warn({ service: this.#service, target, code: error.code, cause: error.message }, 'no connection to a target')
  }
}
