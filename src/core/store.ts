import type { ResponseStore } from './response-store.ts'

/** State that outlives an exchange, in the memory of this machine or shared between machines. */

export type LimitAlgorithm = 'token-bucket' | 'fixed-window' | 'sliding-window' | 'calendar-month' | 'calendar-year'

/** How much is allowed. One shape for all algorithms, so that a store can keep them in one table. */
export interface LimitRule {
  readonly algorithm: LimitAlgorithm
  /** Bucket: what it holds. Windows: what one window admits. A positive number. */
  readonly capacity: number
  /**
   * Milliseconds. Bucket: the time in which an empty one fills. Fixed window: its length; windows begin at multiples of it since 1970.
   * Sliding window: any span of this length admits at most `capacity`, see {@link SLIDING_SLICES}.
   * Calendar month and year: windows are those of UTC, whatever their length; this is the longest that one can be.
   */
  readonly periodMs: number
}

/**
 * A sliding window counts in slices of a twentieth of its length; a slice counts until all of it has left the window. So no span of the
 * window's length ever admits more than the limit, and what was taken comes back at most a twentieth of the window late.
 */
export const SLIDING_SLICES = 20

/** Keys as a limit group takes them: one for each rule; empty for a rule that does not apply to this exchange. */
export type LimitKeys = readonly string[]

/** What became of one take. */
export interface LimitDecision {
  readonly admitted: boolean
  /** Index of the rule that refused and has the longest wait; -1 when admitted. */
  readonly refusedBy: number
  /** Milliseconds until the same take would be admitted if nobody else took anything; Infinity when it never will. 0 when admitted. */
  readonly retryAfterMs: number
  /** For each rule what is left, rounded down; 0 for rules that did not apply. */
  readonly remaining: readonly number[]
  /** For each rule the milliseconds until all of it is there again; 0 for rules that did not apply. */
  readonly resetMs: readonly number[]
}

/** Limits that are taken together or not at all: a refusal burns nothing. */
export interface LimitGroup {
  /**
   * Takes `cost` from each rule that has a key, or from none. Synchronous where the state is in memory.
   * Rejects with a GatewayError `limit_store_unavailable` when the store does not answer in time.
   */
  take(keys: LimitKeys, cost: number): LimitDecision | Promise<LimitDecision>
  /**
   * Whether a take would be refused, without taking, and without waiting: what memory knows, or what was last learned of a store.
   * Null when nothing speaks against it.
   */
  refusal(keys: LimitKeys, cost: number): LimitDecision | null
  /**
   * What a take would be told now, without taking: whoever takes next finds everything as it was. For operators: over Redis it is asked each time.
   * Rejects as {@link take} does.
   */
  peek(keys: LimitKeys, cost: number): LimitDecision | Promise<LimitDecision>
}

/** Who counts together: one worker by itself, all workers of a gateway, or all gateways that share a store. */
export type LimitReach = 'worker' | 'gateway' | 'gateways'

export interface LimitStore {
  readonly reach: LimitReach
  /**
   * @param id names the state of these limits: the same id and rules continue where they were after a reload.
   * @param rules 1 to 16
   */
  group(id: string, rules: readonly LimitRule[]): LimitGroup
}

/** A file that all workers of a gateway map into their memory, for limits that are counted together. The control process makes it. */
export interface SharedFile {
  readonly path: string
}

/** Texts that expire, for records and responses. */
export interface ValueStore {
  /** Undefined when it is not there. Rejects with a GatewayError `store_unavailable`. */
  get(key: string): Promise<string | undefined>
  /** Rejects with a GatewayError `store_unavailable`. @param ttlMs at least 1 */
  set(key: string, value: string, ttlMs: number): Promise<void>
}

export type StoreName = 'memory' | 'redis'

/** The stores of a gateway. */
export interface Stores {
  /** Throws when that store is not configured. */
  limits(name: StoreName): LimitStore
  /** Null for memory: who wants to keep a record in memory has a cache of its own. Throws when it is not configured. */
  values(name: StoreName): ValueStore | null
  /** Throws when that store is not configured. */
  responses(name: StoreName): ResponseStore
}
