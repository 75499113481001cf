import type { Headers } from '../../core/headers.ts'
import type { StoredResponse } from '../../core/response-store.ts'
import { parseDirectives } from './directives.ts'

/** What a client asks of caches (RFC 9111, 5.2.1). Times in milliseconds. */
export interface Demands {
  readonly noStore: boolean
  readonly noCache: boolean
  readonly onlyIfCached: boolean
  /** Infinity for no bound. */
  readonly ageMaxMs: number
  readonly freshMinMs: number
  /** How long a response may have been stale; 0 for not at all. */
  readonly staleMaxMs: number
}

export const NO_DEMANDS: Demands = {
  noStore: false,
  noCache: false,
  onlyIfCached: false,
  ageMaxMs: Number.POSITIVE_INFINITY,
  freshMinMs: 0,
  staleMaxMs: 0,
}

/** What cannot be read is taken for what asks for more. */
export function demandsOf(headers: Headers): Demands {
  if (!headers.has('Cache-Control'))
    return headers.get('Pragma')?.toLowerCase() === 'no-cache' ? { ...NO_DEMANDS, noCache: true } : NO_DEMANDS
  const directives = parseDirectives(headers.getJoined('Cache-Control'))
  const ageMaxMs = directives.ms('max-age') ?? Number.POSITIVE_INFINITY
  // Who says min-fresh=0 wants no stale response either, whatever max-stale says beside it.
  const freshMinMs = directives.has('min-fresh') ? Math.max(1, directives.ms('min-fresh') ?? Number.NaN) : 0
  const staleMaxMs = directives.hasValue('max-stale')
    ? directives.ms('max-stale')
    : directives.has('max-stale')
      ? Number.POSITIVE_INFINITY
      : 0
  return {
    noStore: directives.has('no-store') || directives.isMalformed,
    noCache: directives.has('no-cache'),
    onlyIfCached: directives.has('only-if-cached'),
    ageMaxMs: Number.isNaN(ageMaxMs) ? 0 : ageMaxMs,
    freshMinMs: Number.isNaN(freshMinMs) ? Number.POSITIVE_INFINITY : freshMinMs,
    staleMaxMs: staleMaxMs === undefined || Number.isNaN(staleMaxMs) ? 0 : staleMaxMs,
  }
}

/** Whether a response that is kept may be given: as it is, while it is brought up to date, or not before the service was asked. */
export type Use = 'as-is' | 'while-revalidating' | 'after-validation'

/** RFC 9111, 4.2 and 5.2.1; RFC 5861, 3. @param ageMs of the response now */
export function useOf(response: StoredResponse, demands: Demands, ageMs: number): Use {
  const { lifetimeMs, neverStale, staleWhileRevalidateMs } = response
  // A client that reloads says max-age=0, and means it within the same millisecond too.
  if (demands.noCache || demands.ageMaxMs === 0 || ageMs > demands.ageMaxMs) return 'after-validation'
  const freshMs = lifetimeMs - ageMs
  if (freshMs > 0) return freshMs >= demands.freshMinMs ? 'as-is' : 'after-validation'
  // No client can allow what the service forbids (RFC 9111, 4.2.4).
  if (neverStale || demands.freshMinMs > 0) return 'after-validation'
  // A lifetime of 5 s ends with the 5th second: staleness counts from there, and 0 of it is none.
  if (demands.staleMaxMs > 0 && -freshMs <= demands.staleMaxMs) return 'as-is'
  return staleWhileRevalidateMs > 0 && -freshMs <= staleWhileRevalidateMs ? 'while-revalidating' : 'after-validation'
}

/** RFC 9111, 4.2.3: in milliseconds. */
export function ageOf({ initialAgeMs, receivedAtMs }: StoredResponse, nowMs: number): number {
  return initialAgeMs + Math.max(0, nowMs - receivedAtMs)
}
