import type { RoutePlan } from '../../compile/plan.ts'
import type { DecisionsIr } from '../../config/ir.ts'
import type { Clock } from '../../core/clock.ts'
import type { DecisionAnswer, DecisionQuery } from '../../core/decision.ts'
import { DecisionTrace, type TracedNote } from '../../core/decision-trace.ts'
import type { Attempt, Exchange } from '../../core/exchange.ts'
import type { Outcome } from '../../core/policy.ts'
import { DEBUG_HEADER, debugGrant, decisionHeader } from './debug-header.ts'
import { KeptDecision, KeptHead, type KeptTimes, RECORD_BYTES } from './kept-decision.ts'
import { fits, keptOf, recordOf, summaryOf } from './render.ts'

/** Numbers of one record, in a row; see {@link KeptTimes}. */
const STRIDE = 5
/** Records that one answer to the control process holds. */
const FOUND_MAX = 20
const LIST_MAX = 1_000

/**
 * The decision records of one worker: a ring of the newest, bounded in number and in bytes. What it does for an exchange is to keep references to
 * what is there anyway; all else waits until somebody asks. Nothing that is kept leads to a snapshot.
 */
export class DecisionLog {
  readonly #clock: Clock
  #settings: DecisionsIr | null = null
  #ring: KeptDecision[] = []
  #times = new Float64Array(0)
  #next = 0
  #count = 0
  #bytes = 0
  /** For records that are asked for before the exchange has ended. */
  readonly #scratch = new KeptDecision()

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
  record(exchange: Exchange, plan: RoutePlan, { status, error, durationMs }: Outcome): void {
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
    fill(kept, exchange, plan, trace)
    kept.status = status
    kept.error = error
    const head = kept.head as KeptHead
    kept.bytes = RECORD_BYTES + lengthOf(trace.notes)
    this.#bytes += kept.bytes + (head.uses++ === 0 ? head.bytes : 0)
    const times = this.#times
    const row = at * STRIDE
    times[row] = this.#clock.epochMs()
    times[row + 1] = exchange.startedAt
    times[row + 2] = durationMs
    times[row + 3] = exchange.requestBytes
    times[row + 4] = exchange.responseBytes
    while (this.#bytes > settings.bytesMax && this.#count > 1) this.#dropOldest()
  }

  /** Puts what is known so far into the head of the response, for a client that asked for it and may have it. */
  attach(exchange: Exchange, plan: RoutePlan): void {
    const { trace } = exchange
    if (!(trace instanceof DecisionTrace) || !trace.isWanted) return
    const kept = this.#scratch
    fill(kept, exchange, plan, trace)
    kept.status = exchange.response.status
    kept.error = exchange.error
    const times: KeptTimes = {
      endedMs: this.#clock.epochMs(),
      startedAt: exchange.startedAt,
      durationMs: this.#clock.now() - exchange.startedAt,
      requestBytes: exchange.requestBytes,
      responseBytes: exchange.responseBytes,
    }
    const [name, value] = decisionHeader(recordOf(kept, times))
    exchange.response.headers.set(name, value)
    kept.clear()
  }

  find(query: DecisionQuery): DecisionAnswer {
    const found = []
    const list = []
    if (query.kind === 'by-id') {
      for (let age = 0; age < this.#count && found.length < FOUND_MAX; age++) {
        const kept = this.#keptAt(age)
        if (kept.requestId === query.requestId) found.push(keptOf(kept, this.#timesAt(age)))
      }
    } else {
      const max = Math.min(query.max, LIST_MAX)
      for (let age = 0; age < this.#count && list.length < max; age++) {
        const times = this.#timesAt(age)
        const kept = this.#keptAt(age)
        if (fits(kept, times, query.filter)) list.push(summaryOf(kept, times))
      }
    }
    const oldestMs = this.#count === 0 ? null : this.#timesAt(this.#count - 1).endedMs
    return { found, list, count: this.#count, oldestMs }
  }

  /** Place in the ring of the record that so many newer ones follow. */
  #placeOf(age: number): number {
    const at = this.#next - 1 - age
    return at < 0 ? at + this.#ring.length : at
  }

  #keptAt(age: number): KeptDecision {
    return this.#ring[this.#placeOf(age)] as KeptDecision
  }

  #timesAt(age: number): KeptTimes {
    const row = this.#placeOf(age) * STRIDE
    const [endedMs = 0, startedAt = 0, durationMs = 0, requestBytes = 0, responseBytes = 0] = this.#times.subarray(row, row + STRIDE)
    return { endedMs, startedAt, durationMs, requestBytes, responseBytes }
  }

  #dropOldest(): void {
    const kept = this.#keptAt(this.#count - 1)
    this.#count--
    this.#bytes -= kept.bytes
    const { head } = kept
    if (head !== null && --head.uses === 0) this.#bytes -= head.bytes
    kept.clear()
  }

  #resize(size: number): void {
    while (this.#count > size) this.#dropOldest()
    const ring: KeptDecision[] = []
    const times = new Float64Array(size * STRIDE)
    for (let i = 0; i < this.#count; i++) {
      const from = this.#placeOf(this.#count - 1 - i)
      ring.push(this.#ring[from] as KeptDecision)
      times.set(this.#times.subarray(from * STRIDE, (from + 1) * STRIDE), i * STRIDE)
    }
    this.#ring = ring
    this.#times = times
    this.#next = size === 0 ? 0 : this.#count % size
  }
}

function fill(kept: KeptDecision, exchange: Exchange, plan: RoutePlan, trace: DecisionTrace): void {
  const { caller, client, attempts } = exchange
  kept.requestId = exchange.requestId
  kept.listener = exchange.listener.name
  kept.clientAddress = client.address
  kept.peerAddress = client.peerAddress
  kept.head = headOf(exchange, trace)
  kept.route = plan.facts
  kept.plan = plan.steps.facts
  kept.steps = trace.takeSteps()
  kept.notes = trace.notes
  kept.answers = trace.answers
  kept.attempts = attempts.length === 0 ? null : attempts.length === 1 ? (attempts[0] as Attempt) : attempts.slice()
  kept.callerMethod = caller.method
  kept.subject = caller.subject
  kept.consumer = caller.consumer?.name ?? ''
  kept.credentialId = caller.credentialId
  kept.limit = exchange.limit
  kept.fallback = exchange.fallback
  kept.grpcStatus = exchange.grpcStatus
}

/** The same object for as long as the connection sends the same head. A head that is no request has no number of its own. */
function headOf({ request, error }: Exchange, trace: DecisionTrace): KeptHead {
  if (trace.head instanceof KeptHead && trace.headSerial === request.serial && request.path !== '') return trace.head
  const head = new KeptHead(request)
  trace.head = error === null || request.path !== '' ? head : null
  trace.headSerial = request.serial
  return head
}

function lengthOf(notes: readonly TracedNote[] | null): number {
  let length = 0
  if (notes !== null) for (const { note } of notes) length += typeof note === 'string' ? note.length : 0
  return length
}
