import { GatewayError } from '../../core/errors.ts'
import { compileMediaTypes } from '../../core/media-types.ts'
import type { CompileContext } from '../../core/policy.ts'
import type { ResponseStore } from '../../core/response-store.ts'
import { compileStatuses } from '../../core/status-set.ts'
import { type CacheMetrics, cacheMetrics } from './metrics.ts'
import { RecordingRoom } from './recorder.ts'
import type { CacheOptions } from './schema.ts'
import type { Keeping } from './storable.ts'

/** Milliseconds between two lines in the event log about a store that is ill. */
const WARN_EVERY_MS = 10_000

/** Kept with `ttl` where the configuration names none: what a resource is, and where it has moved to for good. */
const STATUSES = [200, 203, 301, 308]

/** One place where the policy is configured: what its halves, that before the service and that behind it, have in common. */
export class Place {
  readonly options: CacheOptions
  readonly context: CompileContext
  readonly store: ResponseStore
  readonly metrics: CacheMetrics
  readonly keeping: Keeping
  readonly room = new RecordingRoom()
  /** False in shadow: it looks and keeps, and nothing else. */
  readonly acts: boolean
  #warnedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: CacheOptions, context: CompileContext) {
    this.options = options
    this.context = context
    this.store = context.stores.responses(options.store)
    this.metrics = cacheMetrics(context.metrics, context.scope)
    const { ttl, statuses, contentTypes } = options
    const isKeptStatus = ttl === undefined && statuses === undefined ? () => true : compileStatuses(statuses ?? STATUSES)
    this.keeping = { ...options, ttlMs: ttl ?? null, isKeptStatus, isKeptType: compileMediaTypes(contentTypes) }
    this.acts = context.mode === 'enforce'
  }

  /** A store that does not answer costs its hits, and nothing else. */
  storeFailed(error: unknown): void {
    const { clock, log, scope } = this.context
    const about = { policy: `cache ${scope}`, err: error }
    this.metrics.storeErrors.add(1)
    // Anything else is a fault of ours, and not to be taken for a store that is ill.
    if (!(error instanceof GatewayError)) return log.error(about, 'the store of responses failed')
    if (clock.now() - this.#warnedAtMs < WARN_EVERY_MS) return
    this.#warnedAtMs = clock.now()
    log.warn(about, 'the store of responses does not answer: requests go on without it')
  }

  /** Goes on when a call of the store has come to its end, at once where it did not wait. @param then is given undefined for one that failed */
  settle<T>(call: T | Promise<T>, then: (result: T | undefined) => void): void {
    if (!(call instanceof Promise)) return then(call)
    call.then(then, (error: unknown) => {
      this.storeFailed(error)
      then(undefined)
    })
  }
}
