import { randomFillSync } from 'node:crypto'
import type { TraceContext } from '../core/trace-context.ts'

/** A step that was waited for. */
export interface Wait {
  readonly policy: string
  readonly startedAt: number
  readonly endedAt: number
}

/** A request whose policies are waited for again and again must not grow its trace without end. */
const WAITS_MAX = 32
/** Spans of waits are numbered from here on, behind those of all tries. */
export const WAIT_NUMBER = 65_536

const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8
const pool = Buffer.alloc(512 * SPAN_ID_BYTES)
let used = pool.length

/** So many random bytes as hexadecimal digits, never all 0. */
function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  // Ids of zeros mean that there is none (Trace Context, 3.2.2.3); a trace id stays random in the part that sampling looks at.
  pool[used] = (pool[used] as number) | 1
  const text = pool.toString('hex', used, used + bytes)
  used += bytes
  return text
}

export function randomTraceId(): string {
  return randomHex(TRACE_ID_BYTES)
}

/** Why an exchange runs that no client waits for. */
export type DetachedKind = 'mirror' | 'refetch'

/** What an exchange knows of its trace while it lasts: little, since nearly all that its spans say is in the exchange itself. */
export class ExchangeTrace implements TraceContext {
  readonly traceId: string
  readonly parentId: string
  readonly spanId = randomHex(SPAN_ID_BYTES)
  readonly sampled: boolean
  readonly state: string
  readonly #slowPolicyMs: number
  /** Null where a client waits. */
  readonly detached: DetachedKind | null
  waits: Wait[] | null = null

  constructor(
    { traceId, parentId, sampled, state }: Pick<TraceContext, 'traceId' | 'parentId' | 'sampled' | 'state'>,
    slowPolicyMs: number,
    detached: DetachedKind | null = null,
  ) {
    this.traceId = traceId
    this.parentId = parentId
    this.sampled = sampled
    this.state = state
    this.#slowPolicyMs = slowPolicyMs
    this.detached = detached
  }

  attemptSpanId(number: number): string {
    // Counted on from the exchange's own, in the lower half: as unique as that, for no more random bytes. The upper half is never 0.
    const low = (Number.parseInt(this.spanId.slice(8), 16) + number) >>> 0
    return this.spanId.slice(0, 8) + low.toString(16).padStart(8, '0')
  }

  waited(policy: string, startedAt: number, endedAt: number): void {
    if (endedAt - startedAt < this.#slowPolicyMs) return
    this.waits ??= []
    if (this.waits.length < WAITS_MAX) this.waits.push({ policy, startedAt, endedAt })
  }
}
