import type { PlanFacts, RouteFacts } from '../../compile/plan.ts'
import type { Caller } from '../../core/caller.ts'
import type { DecisionTrace, TracedAnswer, TracedNote } from '../../core/decision-trace.ts'
import type { ErrorCode } from '../../core/errors.ts'
import type { Attempt, Exchange, FallbackKind, RequestHead } from '../../core/exchange.ts'
import type { Outcome } from '../../core/policy.ts'
import type { LimitDecision } from '../../core/store.ts'
import type { StepFacts } from '../../core/trace.ts'

/** Bytes of field lines that are kept of one head. Longer heads are rare, and would push out many records. */
const FIELD_BYTES_MAX = 8 * 1024
/** Bytes that a head takes besides its texts, and a record besides what it refers to; about. */
const HEAD_BYTES = 160
export const RECORD_BYTES = 400

/** A request's head, kept once for as long as a connection sends the same. */
export class KeptHead {
  readonly method: string
  readonly target: string
  readonly path: string
  readonly query: string
  readonly host: string
  readonly port: number
  readonly serverName: string | null
  readonly scheme: 'http' | 'https'
  readonly protocol: string
  /** Field lines, each with its CRLF, as they came. */
  readonly fields: string
  readonly isCut: boolean
  /** Records that refer to it. */
  uses = 0

  constructor({
    method,
    target,
    path,
    query,
    authority,
    host,
    scheme,
    majorVersion,
    minorVersion,
    headers,
    port,
    serverName,
  }: RequestHead) {
    this.method = method
    this.target = target
    this.path = path
    this.query = query
    this.port = port
    this.serverName = serverName
    this.host = host === '' ? authority : host
    this.scheme = scheme
    this.protocol = majorVersion === 2 ? 'HTTP/2' : `HTTP/1.${minorVersion}`
    const { bytes, begin, end } = headers
    this.isCut = end - begin > FIELD_BYTES_MAX
    // Whole lines only.
    const last = this.isCut ? bytes.lastIndexOf('\r\n', begin + FIELD_BYTES_MAX - 2, 'latin1') + 2 : end
    this.fields = last > begin ? bytes.latin1Slice(begin, last) : ''
  }

  get bytes(): number {
    return HEAD_BYTES + this.fields.length + 2 * this.target.length
  }
}

/**
 * What is mostly the same for the exchanges of a connection: one object for all of them as long as it is, so that a record holds one reference
 * in place of a dozen. Each reference that is written into an old object costs a collector's barrier.
 */
export class KeptCommon {
  readonly listener: string
  readonly clientAddress: string
  readonly peerAddress: string
  readonly head: KeptHead
  readonly route: RouteFacts
  readonly plan: PlanFacts
  readonly steps: readonly StepFacts[]
  readonly notes: readonly TracedNote[]
  readonly callerMethod: string
  readonly subject: string
  readonly consumer: string
  readonly credentialId: string

  constructor({ exchange: { listener, client, caller }, trace, plan, route, head }: Recorded) {
    this.listener = listener.name
    this.clientAddress = client.address
    this.peerAddress = client.peerAddress
    this.head = head
    this.route = route
    this.plan = plan
    this.steps = trace.takeSteps()
    this.notes = trace.takeNotes()
    this.callerMethod = caller.method
    this.subject = caller.subject
    this.consumer = consumerOf(caller)
    this.credentialId = caller.credentialId
  }

  /** Whether another exchange of the same connection has all of it in common. */
  holdsFor({ exchange: { client, caller }, trace, plan, route, head }: Recorded): boolean {
    return (
      this.head === head &&
      this.route === route &&
      this.plan === plan &&
      this.steps === trace.takeSteps() &&
      this.notes === trace.takeNotes() &&
      this.clientAddress === client.address &&
      this.callerMethod === caller.method &&
      this.subject === caller.subject &&
      this.credentialId === caller.credentialId &&
      this.consumer === consumerOf(caller)
    )
  }
}

function consumerOf({ consumer }: Caller): string {
  return consumer === null ? '' : consumer.name
}

/** The same object as for the last exchange of the connection, where it holds for this one too. */
function commonOf(recorded: Recorded): KeptCommon {
  const { trace } = recorded
  if (trace.common instanceof KeptCommon && trace.common.holdsFor(recorded)) return trace.common
  const common = new KeptCommon(recorded)
  trace.common = common
  return common
}

/** What is known of one exchange, to be told. */
export interface Decision {
  readonly requestId: string
  readonly listener: string
  readonly clientAddress: string
  readonly peerAddress: string
  readonly head: KeptHead
  readonly route: RouteFacts
  readonly plan: PlanFacts
  readonly steps: readonly StepFacts[]
  readonly notes: readonly TracedNote[]
  readonly answers: readonly TracedAnswer[]
  readonly attempts: readonly Attempt[]
  readonly callerMethod: string
  readonly subject: string
  readonly consumer: string
  readonly credentialId: string
  readonly limit: LimitDecision | null
  readonly fallback: FallbackKind | null
  readonly error: ErrorCode | null
  readonly status: number
  readonly grpcStatus: number
  /** Milliseconds of the clock. */
  readonly startedAt: number
  readonly durationMs: number
  readonly requestBytes: number
  readonly responseBytes: number
}

/** Bytes of a request id that are kept in place; longer ones are kept as they are. A UUID has 36. */
export const ID_BYTES = 40
const LIMITS_IN_PLACE = 4

// Columns of the numbers of one record.
const STARTED_AT = 0
const DURATION_MS = 1
const REQUEST_BYTES = 2
const RESPONSE_BYTES = 3
const ID_LENGTH = 4
const TRY_STARTED_AT = 5
const TRY_ENDED_AT = 6
const TRY_STATUS = 7
/** How many limits were decided on; -1 for no decision, or one that is kept as it is. */
const LIMIT_COUNT = 8
/** -1 for admitted. */
const LIMIT_REFUSED_BY = 9
const LIMIT_RETRY_AFTER_MS = 10
/** For each limit what remains, and when all is there again. */
const LIMIT_REMAINING = 11
/** Numbers of one record. */
export const COLUMNS = LIMIT_REMAINING + 2 * LIMITS_IN_PLACE

/**
 * One place in the ring, filled again and again. It refers to what lives on anyway: facts of plans, texts of connections, arrays that the
 * records of a connection share. What is made for one exchange alone is copied into typed arrays, so that it can die as young as it would without
 * records: objects that live on only to die old are what costs a collector most.
 */
export class KeptDecision {
  /** Only where it has no room in the bytes. */
  #longId = ''
  #common: KeptCommon | null = null
  #answers: readonly TracedAnswer[] = NONE
  #target = ''
  #tryError: ErrorCode | null = null
  /** All of them, where there are several. */
  #attempts: readonly Attempt[] | null = null
  /** Where it has more limits than there is room for. */
  #limit: LimitDecision | null = null
  #fallback: FallbackKind | null = null
  #error: ErrorCode | null = null
  #status = 0
  #grpcStatus = -1
  /** What it takes with what it alone refers to, about; for the log. */
  bytes = 0

  get head(): KeptHead | null {
    return this.#common === null ? null : this.#common.head
  }

  /** Lets go of what it refers to. */
  clear(): void {
    this.#common = null
    this.#answers = NONE
    this.#attempts = null
    this.#limit = null
  }

  /** @param numbers at `row` are this one's; so are the bytes of `ids` at `idAt` */
  take(recorded: Recorded, { status, error, durationMs }: Outcome, numbers: Float64Array, row: number, ids: Buffer, idAt: number): void {
    const { exchange, trace } = recorded
    const { requestId } = exchange
    this.#common = commonOf(recorded)
    this.#answers = trace.answers ?? NONE
    this.#fallback = exchange.fallback
    this.#error = error
    this.#status = status
    this.#grpcStatus = exchange.grpcStatus
    numbers[row + STARTED_AT] = exchange.startedAt
    numbers[row + DURATION_MS] = durationMs
    numbers[row + REQUEST_BYTES] = exchange.requestBytes
    numbers[row + RESPONSE_BYTES] = exchange.responseBytes
    this.#fillAttempts(exchange.attempts, numbers, row)
    this.#fillLimit(exchange.limit, numbers, row)
    const length = requestId.length
    const isLong = length > ID_BYTES
    this.#longId = isLong ? requestId : ''
    numbers[row + ID_LENGTH] = isLong ? 0 : length
    if (!isLong) ids.latin1Write(requestId, idAt)
  }

  #fillAttempts(attempts: readonly Attempt[], numbers: Float64Array, row: number): void {
    const only = attempts.length === 1 ? attempts[0] : undefined
    this.#attempts = attempts.length > 1 ? attempts.slice() : null
    this.#target = only === undefined ? '' : only.target
    if (only === undefined) return
    this.#tryError = only.error
    numbers[row + TRY_STARTED_AT] = only.startedAt
    numbers[row + TRY_ENDED_AT] = only.endedAt
    numbers[row + TRY_STATUS] = only.status
  }

  #fillLimit(limit: LimitDecision | null, numbers: Float64Array, row: number): void {
    const isInPlace = limit !== null && limit.remaining.length <= LIMITS_IN_PLACE
    this.#limit = isInPlace ? null : limit
    numbers[row + LIMIT_COUNT] = isInPlace ? limit.remaining.length : -1
    if (!isInPlace) return
    numbers[row + LIMIT_REFUSED_BY] = limit.refusedBy
    numbers[row + LIMIT_RETRY_AFTER_MS] = limit.retryAfterMs
    for (let i = 0; i < limit.remaining.length; i++) {
      numbers[row + LIMIT_REMAINING + i] = limit.remaining[i] as number
      numbers[row + LIMIT_REMAINING + LIMITS_IN_PLACE + i] = limit.resetMs[i] as number
    }
  }

  /** @see take */
  read(numbers: Float64Array, row: number, ids: Buffer, idAt: number): Decision {
    const at = (column: number): number => numbers[row + column] as number
    const only = (): Attempt => ({
      number: 1,
      target: this.#target,
      startedAt: at(TRY_STARTED_AT),
      endedAt: at(TRY_ENDED_AT),
      status: at(TRY_STATUS),
      error: this.#tryError,
    })
    const { listener, clientAddress, peerAddress, head, route, plan, steps, notes, callerMethod, subject, consumer, credentialId } = this
      .#common as KeptCommon
    return {
      requestId: this.#longId === '' ? ids.latin1Slice(idAt, idAt + at(ID_LENGTH)) : this.#longId,
      listener,
      clientAddress,
      peerAddress,
      head,
      route,
      plan,
      steps,
      notes,
      answers: this.#answers,
      attempts: this.#attempts ?? (this.#target === '' ? NONE : [only()]),
      callerMethod,
      subject,
      consumer,
      credentialId,
      limit: this.#limit ?? limitAt(numbers, row),
      fallback: this.#fallback,
      error: this.#error,
      status: this.#status,
      grpcStatus: this.#grpcStatus,
      startedAt: at(STARTED_AT),
      durationMs: at(DURATION_MS),
      requestBytes: at(REQUEST_BYTES),
      responseBytes: at(RESPONSE_BYTES),
    }
  }
}

/** What a record is made from. */
export interface Recorded {
  readonly exchange: Exchange
  readonly trace: DecisionTrace
  readonly plan: PlanFacts
  readonly route: RouteFacts
  readonly head: KeptHead
}

function limitAt(numbers: Float64Array, row: number): LimitDecision | null {
  const count = numbers[row + LIMIT_COUNT] as number
  if (count === -1) return null
  const from = row + LIMIT_REMAINING
  const refusedBy = numbers[row + LIMIT_REFUSED_BY] as number
  return {
    admitted: refusedBy === -1,
    refusedBy,
    retryAfterMs: numbers[row + LIMIT_RETRY_AFTER_MS] as number,
    remaining: [...numbers.subarray(from, from + count)],
    resetMs: [...numbers.subarray(from + LIMITS_IN_PLACE, from + LIMITS_IN_PLACE + count)],
  }
}

const NONE: readonly never[] = []
