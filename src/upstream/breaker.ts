import type { BreakerIr } from '../config/ir.ts'
import { compileStatuses } from '../core/status-set.ts'
import { FailureWindow } from './failure-window.ts'
import { type Blame, describeBlame, type Outcome } from './outcome.ts'
import type { BreakerPosition, BreakerState } from './service-state.ts'

/** In place of a ticket: the breaker is open. */
export const REFUSED = -1

/** What a client is told to wait while all probes are under way: any of them may end at any moment. */
const PROBE_WAIT_MS = 1_000

/** The last ticket given; it outlives breakers, so that no ticket of one counts at its successor. Tickets count from 1. */
export interface Tickets {
  last: number
}

/** @param cause in plain words */
export type BreakerListener = (from: BreakerPosition, to: BreakerPosition, cause: string) => void

/**
 * A circuit breaker as a machine without a clock: it is told the time, and moves only when it is asked or told something.
 *
 * closed ─ failures in a row, or their share ─► open ─ recovery time ─► half-open ─ successes ─► closed; half-open ─ a failure ─► open
 *
 * A try's ticket says in which state it began: a result counts only while that state lasts. All tries in one closed state share a ticket;
 * each probe has its own.
 */
export class Breaker {
  readonly #tickets: Tickets
  readonly #onChange: BreakerListener
  #ir: BreakerIr
  #isFailure: (status: number) => boolean
  #window: FailureWindow | null = null
  #position: BreakerPosition = 'closed'
  #sinceMs: number
  /** The first ticket of this state. */
  #firstTicket: number
  #failuresInRow = 0
  #successes = 0
  /** When each probe under way began, in that order. */
  readonly #probes = new Map<number, number>()

  constructor(ir: BreakerIr, nowMs: number, tickets: Tickets, onChange: BreakerListener) {
    this.#ir = ir
    this.#tickets = tickets
    this.#onChange = onChange
    this.#sinceMs = nowMs
    this.#firstTicket = ++tickets.last
    this.#isFailure = compileStatuses(ir.statuses)
    this.update(ir, nowMs)
  }

  /** Takes other numbers over; the state stays, and so does what has been counted, unless the window is another. */
  update(ir: BreakerIr, nowMs: number): void {
    this.#ir = ir
    this.#isFailure = compileStatuses(ir.statuses)
    const windowMs = ir.failureRate?.windowMs ?? 0
    if (windowMs !== (this.#window?.windowMs ?? 0)) this.#window = windowMs === 0 ? null : new FailureWindow(windowMs, nowMs)
  }

  get position(): BreakerPosition {
    return this.#position
  }

  /** Whether an answer of this status is a failure. */
  get isFailure(): (status: number) => boolean {
    return this.#isFailure
  }

  /** A ticket for a try, to be {@link settle}d once; or {@link REFUSED}. */
  enter(nowMs: number): number {
    if (this.#position === 'closed') return this.#firstTicket
    if (this.#position === 'open') {
      if (nowMs - this.#sinceMs < this.#ir.recoveryMs) return REFUSED
      this.#become('half-open', nowMs, 'the recovery time is over')
    }
    this.#expireProbes(nowMs)
    if (this.#probes.size >= this.#ir.probes) return REFUSED
    const ticket = ++this.#tickets.last
    this.#probes.set(ticket, nowMs)
    return ticket
  }

  /** A probe that hangs must not keep the breaker half open for ever. Its result still counts when it comes. */
  #expireProbes(nowMs: number): void {
    for (const [ticket, startedAt] of this.#probes) {
      if (nowMs - startedAt < this.#ir.recoveryMs) return
      this.#probes.delete(ticket)
    }
  }

  settle(ticket: number, outcome: Outcome, blame: Blame, nowMs: number): void {
    if (ticket < this.#firstTicket) return
    if (this.#position === 'closed') {
      if (outcome !== 'neither') this.#count(outcome === 'failure', blame, nowMs)
    } else if (this.#position === 'half-open') {
      this.#probes.delete(ticket)
      if (outcome === 'failure') this.#become('open', nowMs, `a probe failed: ${describeBlame(blame)}`)
      else if (outcome === 'success' && ++this.#successes >= this.#ir.successes)
        this.#become('closed', nowMs, `${this.#successes} successes`)
    }
  }

  #count(failed: boolean, blame: Blame, nowMs: number): void {
    const { failures, failureRate } = this.#ir
    this.#failuresInRow = failed ? this.#failuresInRow + 1 : 0
    this.#window?.add(failed, nowMs)
    if (failures !== null && this.#failuresInRow >= failures) {
      this.#become('open', nowMs, `${this.#failuresInRow} failures in a row, the last one: ${describeBlame(blame)}`)
    } else if (failureRate !== null && this.#window?.exceeds(failureRate.percent, failureRate.requestsMin)) {
      const counts = this.#window.counts(nowMs)
      this.#become('open', nowMs, `${counts.failures} of ${counts.requests} tries failed, the last one: ${describeBlame(blame)}`)
    }
  }

  /** An operator says that what it has counted does not hold any more. */
  reset(nowMs: number): void {
    if (this.#position !== 'closed') return this.#become('closed', nowMs, 'an operator has reset it')
    this.#failuresInRow = 0
    if (this.#window !== null) this.#window = new FailureWindow(this.#window.windowMs, nowMs)
  }

  #become(position: BreakerPosition, nowMs: number, cause: string): void {
    const from = this.#position
    this.#position = position
    this.#sinceMs = nowMs
    this.#firstTicket = ++this.#tickets.last
    this.#failuresInRow = 0
    this.#successes = 0
    this.#probes.clear()
    if (this.#window !== null) this.#window = new FailureWindow(this.#window.windowMs, nowMs)
    this.#onChange(from, position, cause)
  }

  /** Milliseconds until it lets a try through again; 0 when it does. */
  retryAfterMs(nowMs: number): number {
    const { recoveryMs, probes } = this.#ir
    if (this.#position === 'closed') return 0
    if (this.#position === 'open') return Math.max(0, this.#sinceMs + recoveryMs - nowMs)
    this.#expireProbes(nowMs)
    const [oldest] = this.#probes.values()
    if (oldest === undefined || this.#probes.size < probes) return 0
    return Math.min(PROBE_WAIT_MS, oldest + recoveryMs - nowMs)
  }

  state(nowMs: number): BreakerState {
    return {
      state: this.#position,
      failuresInRow: this.#failuresInRow,
      window: this.#window?.counts(nowMs) ?? null,
      successes: this.#successes,
      probes: this.#probes.size,
      retryAfterMs: Math.ceil(this.retryAfterMs(nowMs)),
      sinceMs: Math.floor(nowMs - this.#sinceMs),
    }
  }
}
