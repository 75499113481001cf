import type { LookupState } from '../../core/discovery.ts'
import type { Answer } from './answer.ts'
import type { Question } from './message.ts'
import type { Resolved } from './resolver.ts'

/** However short the time to live is. Also how often a connection that fails may have a name asked for again. */
const TTL_MIN_MS = 1_000
/** However long it is: a mistake in a zone must end some time. */
const TTL_MAX_MS = 3_600_000
/** How long a record that is not there is believed not to be, at most, while the service has other addresses. */
const NEGATIVE_TTL_MAX_MS = 30_000
/** How soon everything is asked for again while the service has no addresses, and while a name's records are gone. */
const NEGATIVE_TTL_MS = 1_000
/**
 * How long a name has to be without records before those it had are given up. Servers say so of names that are there as well, for a moment:
 * while they start, or while a zone is being exchanged.
 */
const GONE_FOR_MS = 5_000
const RETRY_FIRST_MS = 500
const RETRY_MAX_MS = 5_000

/** One question, its last good answer, and when it is to be asked again. It is told the time. */
export class CachedQuestion {
  readonly question: Question
  isAsking = false
  /** The last good one, which stays in force until there is another; null while there was none yet. */
  answer: Answer | null = null
  #failures = 0
  /** What came of the last question, when that is not the answer that is in force. */
  #problem: string | null = null
  #server: string | null = null
  #dueAtMs: number
  #askedAtMs = Number.NEGATIVE_INFINITY
  #askedAtEpochMs: number | null = null
  /** When the latest answer came; null after a fault, whose time to wait then holds. */
  #answeredAtMs: number | null = null
  /** Since when its records are gone and kept all the same. */
  #goneSinceMs: number | null = null

  constructor(question: Question, nowMs: number) {
    this.question = question
    this.#dueAtMs = nowMs
  }

  /** Why nobody answers; null when the last question was answered. */
  get fault(): string | null {
    return this.#failures === 0 ? null : this.#problem
  }

  /**
   * When it is to be asked again.
   * @param hasAddresses whether the service has any; without, nothing waits for its time to live
   */
  dueAtMs(hasAddresses: boolean): number {
    return hasAddresses || this.#answeredAtMs === null ? this.#dueAtMs : Math.min(this.#dueAtMs, this.#answeredAtMs + NEGATIVE_TTL_MS)
  }

  onAsk(nowMs: number, epochMs: number): void {
    this.isAsking = true
    this.#askedAtMs = nowMs
    this.#askedAtEpochMs = epochMs
  }

  onAnswer({ answer, server }: Resolved, nowMs: number): void {
    this.isAsking = false
    this.#failures = 0
    this.#problem = null
    this.#server = server
    this.#answeredAtMs = nowMs
    if (answer.kind !== 'none') {
      this.#goneSinceMs = null
      this.answer = answer
      this.#dueAtMs = nowMs + clamp(answer.ttlMs, TTL_MIN_MS, TTL_MAX_MS)
      return
    }
    this.#problem = answer.why
    if (this.answer !== null && this.answer.kind !== 'none') {
      this.#goneSinceMs ??= nowMs
      if (nowMs - this.#goneSinceMs < GONE_FOR_MS) {
        this.#dueAtMs = nowMs + NEGATIVE_TTL_MS
        return
      }
    }
    this.#goneSinceMs = null
    this.answer = answer
    this.#dueAtMs = nowMs + clamp(answer.ttlMs, TTL_MIN_MS, NEGATIVE_TTL_MAX_MS)
  }

  /** @param random in [0, 1) */
  onFault(reason: string, nowMs: number, random: number): void {
    this.isAsking = false
    this.#problem = reason
    const waitMs = Math.min(RETRY_FIRST_MS * 2 ** this.#failures, RETRY_MAX_MS)
    this.#failures++
    this.#dueAtMs = nowMs + waitMs * (0.75 + random / 4)
    this.#answeredAtMs = null
  }

  /** A connection to an address of it failed. */
  hasten(nowMs: number): void {
    this.#dueAtMs = Math.min(this.#dueAtMs, Math.max(nowMs, this.#askedAtMs + TTL_MIN_MS))
  }

  state(nowMs: number, hasAddresses: boolean): LookupState {
    return {
      name: this.question.name,
      type: this.question.type,
      records: this.answer === null ? null : recordTexts(this.answer),
      askedAgainInMs: this.isAsking ? null : Math.max(0, Math.round(this.dueAtMs(hasAddresses) - nowMs)),
      lastAskedAt: this.#askedAtEpochMs === null ? null : new Date(this.#askedAtEpochMs).toISOString(),
      server: this.#server,
      lastError: this.#problem,
    }
  }
}

function recordTexts(answer: Answer): readonly string[] {
  switch (answer.kind) {
    case 'addresses':
      return answer.addresses
    case 'services':
      return answer.services.map(({ priority, weight, port, target }) => `${priority} ${weight} ${port} ${target}`)
    case 'none':
      return []
  }
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max)
}
