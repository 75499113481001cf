import type { LimitRule } from '../../core/store.ts'

/** What each key admits in all. */
export const SHARED_CAPACITY = 60_000
export const SHARED_KEYS = 5
/** So long that nothing comes back while a test runs, and no window ends before the year 2286. */
const PERIOD_MS = 1e13

export const SHARED_RULES: readonly LimitRule[] = [
  { algorithm: 'token-bucket', capacity: SHARED_CAPACITY, periodMs: PERIOD_MS },
  { algorithm: 'fixed-window', capacity: SHARED_CAPACITY + 1, periodMs: PERIOD_MS },
  { algorithm: 'sliding-window', capacity: SHARED_CAPACITY + 2, periodMs: PERIOD_MS },
]
