import type { Headers } from '../../core/headers.ts'
import type { LimitDecision } from '../../core/store.ts'
import type { Limit } from './limits.ts'

/** Writes what a decision says into the headers of a response. */
export type FieldWriter = (headers: Headers, decision: LimitDecision) => void

/** @returns null for nothing to write */
export function fieldWriter(limits: readonly Limit[], family: 'ietf' | 'x-ratelimit' | 'both' | 'none'): FieldWriter | null {
  const ietf = ietfWriter(limits)
  const x = xWriter(limits)
  switch (family) {
    case 'ietf':
      return ietf
    case 'x-ratelimit':
      return x
    case 'both':
      return (headers, decision) => {
        ietf(headers, decision)
        x(headers, decision)
      }
    case 'none':
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

/** A limit that applied has something left, or waits for it. */
function applied({ remaining, resetMs }: LimitDecision, i: number): boolean {
  return remaining[i] !== 0 || resetMs[i] !== 0
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}
