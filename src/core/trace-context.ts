/** W3C Trace Context: how requests say which trace they are part of. */

/** What a `traceparent` says. */
export interface TraceParent {
  /** 32 hexadecimal digits in lower case, not all 0. */
  readonly traceId: string
  /** 16 hexadecimal digits in lower case, not all 0. */
  readonly spanId: string
  readonly sampled: boolean
}

/** The part that an exchange has in its trace. */
export interface TraceContext {
  readonly traceId: string
  /** The caller's span; empty where the trace begins here. */
  readonly parentId: string
  /** The span of the exchange itself. */
  readonly spanId: string
  /** What services are told of the sampling. */
  readonly sampled: boolean
  /** As received and kept; empty for none. */
  readonly state: string
  /** The id of the span of a try, by its number. */
  attemptSpanId(number: number): string
  /** A step of a policy has been waited for. Times are of the exchange's clock. */
  waited(policy: string, startedAt: number, endedAt: number): void
}

const LENGTH = 55
/** Of version 00, and the part of a later one that we may read. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)

/**
 * Reads a `traceparent` (Trace Context, 3.2); null for one that is malformed, and for version ff, which is no version. Of later versions the part
 * is read that 00 has.
 */
export function parseTraceParent(text: string): TraceParent | null {
  if (text.length < LENGTH || text.length > 512) return null
  const [, version = '', traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(text) ?? []
  if (version === '' || version === 'ff' || traceId === NO_TRACE || spanId === NO_SPAN) return null
  if (text.length > LENGTH && (version === '00' || text[LENGTH] !== '-')) return null
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** A `traceparent` of version 00. */
export function formatTraceParent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`
}

const STATE_MEMBERS_MAX = 32
/** Longest that is passed on; 512 is what everybody must pass on (3.3.1.5). */
const STATE_LENGTH_MAX = 4_096
const STATE_KEY = /^([a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/
const STATE_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** Whether a `tracestate`, its fields joined by commas, is one that may be passed on (3.3.1): one that is not says nothing at all. */
export function isTraceState(text: string): boolean {
  if (text.length > STATE_LENGTH_MAX) return false
  const seen = new Set<string>()
  for (const written of text.split(',')) {
    const member = written.replaceAll(/^[\t ]+|[\t ]+$/g, '')
    if (member === '') continue
    const at = member.indexOf('=')
    const key = member.slice(0, Math.max(0, at))
    if (!STATE_KEY.test(key) || !STATE_VALUE.test(member.slice(at + 1)) || seen.has(key)) return false
    seen.add(key)
  }
  return seen.size <= STATE_MEMBERS_MAX
}
