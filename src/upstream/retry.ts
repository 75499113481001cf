import type { RetryIr } from '../config/ir.ts'
import type { GatewayError } from '../core/errors.ts'

/** RFC 9110, 9.2.2: asking twice has the effect of asking once. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/**
 * Whether a failed try may be followed by another.
 *
 * | what happened | idempotent method | other methods |
 * | --- | --- | --- |
 * | nothing of the request was sent | yes | yes |
 * | sent, and no response began | yes | only with `nonIdempotent` |
 * | a response began | no | no |
 */
export function mayRetry(error: GatewayError, method: string, retry: RetryIr): boolean {
  if (error.retry === 'if-unsent') return true
  return error.retry === 'safe' && isRepeatable(method, retry)
}

/** Whether a request of this method may be sent twice. */
export function isRepeatable(method: string, retry: RetryIr): boolean {
  return IDEMPOTENT.has(method) || retry.nonIdempotent
}

/**
 * Milliseconds to wait before try number `attempt` (2 and up): base·2^(n-1), base·n or base for the n-th retry, at most the maximum,
 * less a random part of up to half, so that clients that failed together do not come back together.
 */
export function backoffMs(retry: RetryIr, attempt: number, random: () => number): number {
  const n = attempt - 1
  const factor = retry.backoff === 'exponential' ? 2 ** (n - 1) : retry.backoff === 'linear' ? n : 1
  const wait = Math.min(retry.backoffBaseMs * factor, retry.backoffMaxMs)
  return wait * (1 - random() / 2)
}

/** Longest time for which unused allowance is kept. */
const WINDOW_MS = 10_000

/**
 * Keeps retries from becoming a storm when a service is ill: for each first try `ratio` of a retry is earned, and `minPerSecond` come with
 * time, so that a quiet service has some too.
 */
export class RetryBudget {
  ratio: number
  minPerSecond: number
  #balance: number
  #refilledAt: number

  constructor(ratio: number, minPerSecond: number, nowMs: number) {
    this.ratio = ratio
    this.minPerSecond = minPerSecond
    this.#balance = minPerSecond
    this.#refilledAt = nowMs
  }

  /** Counts a first try. */
  earn(): void {
    this.#balance = Math.min(this.#balance + this.ratio, this.#max())
  }

  /** Takes one retry out; false when there is none. */
  spend(nowMs: number): boolean {
    this.#balance = Math.min(this.#balance + ((nowMs - this.#refilledAt) / 1000) * this.minPerSecond, this.#max())
    this.#refilledAt = nowMs
    if (this.#balance < 1) return false
    this.#balance -= 1
    return true
  }

  #max(): number {
    return Math.max(this.minPerSecond * (WINDOW_MS / 1000), 100 * this.ratio)
  }
}
