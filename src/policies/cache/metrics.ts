import type { Counter, Metrics } from '../../core/observe.ts'

/** What one place where the policy is configured counts. Every request that may be answered from the cache is one hit or one miss. */
export interface CacheMetrics {
  readonly hit: Counter
  readonly miss: Counter
  readonly stale: Counter
  readonly revalidated: Counter
  readonly collapsed: Counter
  readonly stored: Counter
  readonly bypass: Counter
  readonly storeErrors: Counter
}

export function cacheMetrics(metrics: Metrics, scope: string): CacheMetrics {
  const counter = (name: string, help: string): Counter => metrics.counter(name, help, { policy: scope })
  return {
    hit: counter('gateway_cache_hit_total', 'Requests answered from the cache.'),
    miss: counter(
      'gateway_cache_miss_total',
      'Requests that the cache could have answered and did not, those it validated first included.',
    ),
    stale: counter(
      'gateway_cache_stale_total',
      'Hits on responses that were not fresh, given while they were brought up to date or for a failure.',
    ),
    revalidated: counter('gateway_cache_revalidated_total', 'Stored responses that the service found unchanged (304).'),
    collapsed: counter(
      'gateway_cache_collapsed_total',
      'Requests that waited for a response that was being fetched, and were answered with it.',
    ),
    stored: counter('gateway_cache_stored_total', 'Responses that were stored.'),
    bypass: counter('gateway_cache_bypass_total', 'Requests that the cache has no part in, by their method or what they ask for.'),
    storeErrors: counter('gateway_cache_store_errors_total', 'Calls of the store that failed; the exchange then went on without it.'),
  }
}
