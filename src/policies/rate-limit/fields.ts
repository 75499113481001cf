import { calendarStart } from '../../core/calendar.ts'
import type { Headers } from '../../core/headers.ts'
import type { LimitDecision } from '../../core/store.ts'
import type { Limit, WindowSpan } from './limits.ts'
import type { RateLimitOptions } from './schema.ts'

/** Writes what a decision says into the headers of a response. @param epochMs now */
export type FieldWriter = (headers: Headers, decision: LimitDecision, epochMs: number) => void

/** @returns null for nothing to write */
export function fieldWriter(limits: readonly Limit[], family: RateLimitOptions['headers']): FieldWriter | null {
  const ietf = ietfWriter(limits)
  const x = xWriter(limits)
  switch (family) {
    case 'ietf':
      return ietf
    case 'x-ratelimit':
      return x
    case 'both':
      return (headers, decision, epochMs) => {
        ietf(headers, decision, epochMs)
        x(headers, decision, epochMs)
      }
    case 'per-window':
      return perWindowWriter(limits)
    case 'none':
    case 'hidden':
      return null
  }
}

/**
 * draft-ietf-httpapi-ratelimit-headers-10: lists of strings with parameters (RFC 9651). `q` is the quota, `w` its window in seconds,
 * `r` what is left and `t` the seconds until all is there again; whole numbers all, so that times are rounded up.
 */
function ietfWriter(limits: readonly Limit[]): FieldWriter {
  const policy = limits.map(({ name, rule }) => `"${name}";q=${Math.floor(rule.capacity)};w=${seconds(rule.periodMs)}`).join(', ')
  const starts = limits.map(({ name }) => `"${name}";r=`)
  return (headers, decision) => {
    const { remaining, resetMs } = decision
    let value = ''
    for (let i = 0; i < starts.length; i++) {
      if (!applied(decision, i)) continue
      if (value !== '') value += ', '
      value += `${starts[i]}${remaining[i]};t=${Math.ceil((resetMs[i] as number) / 1000)}`
    }
    headers.set('RateLimit-Policy', policy)
    if (value === '') headers.delete('RateLimit')
    else headers.set('RateLimit', value)
  }
}

/** The family that most clients know: of the limit that refused, or is nearest to it. `Reset` is a number of seconds, not a date. */
function xWriter(limits: readonly Limit[]): FieldWriter {
  const capacities = limits.map(({ rule }) => rule.capacity)
  return (headers, decision) => {
    const { refusedBy, remaining, resetMs } = decision
    let tightest = refusedBy
    if (tightest === -1) {
      let least = Number.POSITIVE_INFINITY
      for (let i = 0; i < capacities.length; i++) {
        const share = (remaining[i] as number) / (capacities[i] as number)
        if (share >= least || !applied(decision, i)) continue
        least = share
        tightest = i
      }
      if (tightest === -1) return
    }
    headers.set('X-RateLimit-Limit', `${capacities[tightest]}`)
    headers.set('X-RateLimit-Remaining', `${remaining[tightest]}`)
    headers.set('X-RateLimit-Reset', `${Math.ceil((resetMs[tightest] as number) / 1000)}`)
  }
}

/** What a window is called in names of fields, and its length in seconds as it is told: a month has 30 days and a year 365 there. */
const SPANS: Readonly<Record<WindowSpan, { readonly suffix: string; readonly seconds: number }>> = {
  second: { suffix: 'Second', seconds: 1 },
  minute: { suffix: 'Minute', seconds: 60 },
  hour: { suffix: 'Hour', seconds: 3_600 },
  day: { suffix: 'Day', seconds: 86_400 },
  month: { suffix: 'Month', seconds: 2_592_000 },
  year: { suffix: 'Year', seconds: 31_536_000 },
}

/** The family of Kong: each window by its name, and of the one with the least left, the longer of two, draft-03 of the IETF's fields. */
function perWindowWriter(limits: readonly Limit[]): FieldWriter {
  const windows = limits.flatMap(({ span, rule }, index) => {
    if (span === null) return []
    const { suffix, seconds: length } = SPANS[span]
    return [
      { index, span, length, capacity: `${rule.capacity}`, limit: `X-RateLimit-Limit-${suffix}`, left: `X-RateLimit-Remaining-${suffix}` },
    ]
  })
  return (headers, decision, epochMs) => {
    let tightest: (typeof windows)[number] | null = null
    let least = Number.POSITIVE_INFINITY
    for (const window of windows) {
      if (!applied(decision, window.index)) continue
      const remaining = decision.remaining[window.index] as number
      headers.set(window.limit, window.capacity)
      headers.set(window.left, `${remaining}`)
      if (remaining > least || (remaining === least && tightest !== null && window.length < tightest.length)) continue
      least = remaining
      tightest = window
    }
    if (tightest === null) return
    const { span, length, capacity } = tightest
    const reset = `${Math.max(1, length - Math.floor((epochMs - startOf(span, epochMs)) / 1000))}`
    headers.set('RateLimit-Limit', capacity)
    headers.set('RateLimit-Remaining', `${least}`)
    headers.set('RateLimit-Reset', reset)
    if (!decision.admitted) headers.set('Retry-After', reset)
  }
}

function startOf(span: WindowSpan, epochMs: number): number {
  return span === 'month' || span === 'year' ? calendarStart(span, epochMs) : epochMs - (epochMs % (SPANS[span].seconds * 1000))
}

/** A limit that applied has something left, or waits for it. */
function applied({ remaining, resetMs }: LimitDecision, i: number): boolean {
  return remaining[i] !== 0 || resetMs[i] !== 0
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}
