import type { PlanFacts, RouteFacts } from '../../compile/plan.ts'
import type { TracedAnswer, TracedNote } from '../../core/decision-trace.ts'
import type { ErrorCode } from '../../core/errors.ts'
import type { Attempt, FallbackKind, RequestHead } from '../../core/exchange.ts'
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
  readonly scheme: 'http' | 'https'
  readonly protocol: string
  /** Field lines, each with its CRLF, as they came. */
  readonly fields: string
  readonly isCut: boolean
  /** Records that refer to it. */
  uses = 0

  constructor({ method, target, path, query, authority, host, scheme, majorVersion, minorVersion, headers }: RequestHead) {
    this.method = method
    this.target = target
    this.path = path
    this.query = query
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
 * What is kept of one exchange: references to plain values that were there anyway. Made once for each place in the ring, and filled again and
 * again, since objects that live on only to die old are what costs a collector most.
 */
export class KeptDecision {
  requestId = ''
  listener = ''
  clientAddress = ''
  peerAddress = ''
  head: KeptHead | null = null
  route: RouteFacts | null = null
  plan: PlanFacts | null = null
  steps: readonly StepFacts[] = NO_STEPS
  notes: readonly TracedNote[] | null = null
  answers: readonly TracedAnswer[] | null = null
  /** The only attempt, or all of several. */
  attempts: Attempt | readonly Attempt[] | null = null
  callerMethod = ''
  subject = ''
  consumer = ''
  credentialId = ''
  limit: LimitDecision | null = null
  fallback: FallbackKind | null = null
  error: ErrorCode | null = null
  status = 0
  grpcStatus = -1
  /** What it takes with what it alone refers to. */
  bytes = 0

  /** Lets go of what it refers to. */
  clear(): void {
    this.head = null
    this.route = null
    this.plan = null
    this.steps = NO_STEPS
    this.notes = null
    this.answers = null
    this.attempts = null
    this.limit = null
  }
}

const NO_STEPS: readonly StepFacts[] = []

/** The numbers of one kept decision, which are apart from it: in an object each would be an object of its own. */
export interface KeptTimes {
  /** Milliseconds since 1970 at its end. */
  readonly endedMs: number
  /** Of the clock. */
  readonly startedAt: number
  readonly durationMs: number
  readonly requestBytes: number
  readonly responseBytes: number
}
