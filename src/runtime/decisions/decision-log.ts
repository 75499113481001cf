import type { RoutePlan } from '../../compile/plan.ts'
import type { DecisionsIr } from '../../config/ir.ts'
import type { Clock } from '../../core/clock.ts'
import type { DecisionAnswer, DecisionQuery } from '../../core/decision.ts'
import { DecisionTrace, type TracedNote } from '../../core/decision-trace.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { Outcome } from '../../core/policy.ts'
import { DEBUG_HEADER, debugGrant, decisionHeader } from './debug-header.ts'
import { COLUMNS, type Decision, ID_BYTES, KeptDecision, KeptHead, RECORD_BYTES } from './kept-decision.ts'
import { fits, keptOf, recordOf, summaryOf } from './render.ts'

/** Records that one answer to the control process holds. */
const FOUND_MAX = 20
const LIST_MAX = 1_000

/**
 * The decision records of one worker: a ring of the newest, bounded in number and in bytes. What it does for an exchange is to keep references to
 * what is there anyway, and a row of numbers; all else waits until somebody asks. Nothing that is kept leads to a snapshot.
 */
export class DecisionLog {
  readonly #clock: Clock
  #settings: DecisionsIr | null = null
  #ring: KeptDecision[] = []
  /** What stands beside them: of each a row of numbers, and a request id. */
  #numbers = new Float64Array(0)
  #ids = Buffer.alloc(0)
  #next = 0
  #count = 0
  #bytes = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes what a configuration says; null for no records. The newest of what is there stay, as far as there is room. */
  use(settings: DecisionsIr | null): void {
    const size = settings?.records ?? 0
    const before = this.#settings
    this.#settings = settings
    if (size !== (before?.records ?? 0)) this.#resize(size)
    while (this.#bytes > (settings?.bytesMax ?? 0) && this.#count > 0) this.#dropOldest()
  }

  /** @param last the trace of the exchange object's last exchange, to be used again; null before the first. @returns null for no record */
  begin(exchange: Exchange, last: DecisionTrace | null): DecisionTrace | null {
    const settings = this.#settings
    if (settings === null) return null
    const trace = last ?? new DecisionTrace()
    trace.start()
    if (settings.debugSecret !== null && exchange.request.headers.has(DEBUG_HEADER))
      trace.isWanted = debugGrant(exchange.request, settings.debugSecret, this.#clock.epochMs())
    return trace
  }

  /** Keeps an exchange that has ended. */
  record(exchange: Exchange, plan: RoutePlan, outcome: Outcome): void {
    const { trace } = exchange
    const settings = this.#settings
    if (!(trace instanceof DecisionTrace) || settings === null) return
    const size = settings.records
    if (this.#count === size) this.#dropOldest()
    const at = this.#next
    const kept = this.#ring[at] ?? new KeptDecision()
    this.#ring[at] = kept
    this.#next = at + 1 === size ? 0 : at + 1
    this.#count++
    const head = headOf(exchange, trace)
    const recorded = { exchange, trace, plan: plan.steps.facts, route: plan.facts, head }
    kept.take(recorded, outcome, this.#numbers, at * COLUMNS, this.#ids, at * ID_BYTES)
    kept.bytes = RECORD_BYTES + lengthOf(trace.takeNotes())
    this.#bytes += kept.bytes + (head.uses++ === 0 ? head.bytes : 0)
    while (this.#bytes > settings.bytesMax && this.#count > 1) this.#dropOldest()
  }

  /** Puts what is known so far into the head of the response, for a client that asked for it and may have it. */
  attach(exchange: Exchange, plan: RoutePlan): void {
    const { trace, response, error, startedAt } = exchange
    if (!(trace instanceof DecisionTrace) || !trace.isWanted) return
    const numbers = new Float64Array(COLUMNS)
    const ids = Buffer.alloc(ID_BYTES)
    const kept = new KeptDecision()
    const recorded = { exchange, trace, plan: plan.steps.facts, route: plan.facts, head: headOf(exchange, trace) }
    const outcome = { status: response.status, error, durationMs: this.#clock.now() - startedAt }
    kept.take(recorded, outcome, numbers, 0, ids, 0)
    const [name, value] = decisionHeader(recordOf(kept.read(numbers, 0, ids, 0), this.#zeroMs()))
    response.headers.set(name, value)
  }

  find(query: DecisionQuery): DecisionAnswer {
    const zeroMs = this.#zeroMs()
    const found = []
    const list = []
    if (query.kind === 'by-id') {
      for (let age = 0; age < this.#count && found.length < FOUND_MAX; age++) {
        const decision = this.#at(age)
        if (decision.requestId === query.requestId) found.push(keptOf(decision, zeroMs))
      }
    } else {
      const max = Math.min(query.max, LIST_MAX)
      for (let age = 0; age < this.#count && list.length < max; age++) {
        const decision = this.#at(age)
        if (fits(decision, zeroMs, query.filter)) list.push(summaryOf(decision, zeroMs))
      }
    }
    const oldestMs = this.#count === 0 ? null : Math.floor(zeroMs + this.#at(this.#count - 1).startedAt)
    return { found, list, count: this.#count, oldestMs }
  }

  /** Milliseconds since 1970 at which the clock that exchanges are timed by would have begun. */
  #zeroMs(): number {
    return this.#clock.epochMs() - this.#clock.now()
  }

  /** Place in the ring of the record that so many newer ones follow. */
  #placeOf(age: number): number {
    const at = this.#next - 1 - age
    return at < 0 ? at + this.#ring.length : at
  }

  #at(age: number): Decision {
    const at = this.#placeOf(age)
    return (this.#ring[at] as KeptDecision).read(this.#numbers, at * COLUMNS, this.#ids, at * ID_BYTES)
  }

  #dropOldest(): void {
    const kept = this.#ring[this.#placeOf(this.#count - 1)] as KeptDecision
    this.#count--
    this.#bytes -= kept.bytes
    const { head } = kept
    if (head !== null && --head.uses === 0) this.#bytes -= head.bytes
    kept.clear()
  }

  #resize(size: number): void {
    while (this.#count > size) this.#dropOldest()
    const ring: KeptDecision[] = []
    const numbers = new Float64Array(size * COLUMNS)
    const ids = Buffer.alloc(size * ID_BYTES)
    for (let i = 0; i < this.#count; i++) {
      const from = this.#placeOf(this.#count - 1 - i)
      ring.push(this.#ring[from] as KeptDecision)
      numbers.set(this.#numbers.subarray(from * COLUMNS, (from + 1) * COLUMNS), i * COLUMNS)
      ids.set(this.#ids.subarray(from * ID_BYTES, (from + 1) * ID_BYTES), i * ID_BYTES)
    }
    this.#ring = ring
    this.#numbers = numbers
    this.#ids = ids
    this.#next = size === 0 ? 0 : this.#count % size
  }
}

/** The same object for as long as the connection sends the same head. A head that is no request has no number of its own. */
function headOf({ request, error }: Exchange, trace: DecisionTrace): KeptHead {
  if (trace.head instanceof KeptHead && trace.headSerial === request.serial && request.path !== '') return trace.head
  const head = new KeptHead(request)
  trace.head = error === null || request.path !== '' ? head : null
  trace.headSerial = request.serial
  return head
}

function lengthOf(notes: readonly TracedNote[]): number {
  let length = 0
  for (const { note } of notes) length += typeof note === 'string' ? note.length : 0
  return length
}
