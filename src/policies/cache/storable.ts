import type { Headers } from '../../core/headers.ts'
import { type StoredResponse, VARY_NAMES_MAX } from '../../core/response-store.ts'
import { type Directives, parseDirectives } from './directives.ts'
import { parseHttpDate } from './http-date.ts'

/** A response that a service gave, and when. */
export interface Received {
  readonly status: number
  readonly headers: Headers
  /** Milliseconds since 1970. */
  readonly requestedAtMs: number
  readonly receivedAtMs: number
}

export type Lifetime = Pick<
  StoredResponse,
  'vary' | 'initialAgeMs' | 'lifetimeMs' | 'neverStale' | 'staleWhileRevalidateMs' | 'staleIfErrorMs' | 'keepUntilMs'
>

/** How a place where the policy is configured keeps responses. */
export interface Keeping {
  /** Milliseconds; null where the service says for how long. */
  readonly ttlMs: number | null
  readonly defaultTtl: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly keepStale: number
  readonly isKeptStatus: (status: number) => boolean
  /** @param contentType several joined by a comma; undefined for none */
  readonly isKeptType: (contentType: string | undefined) => boolean
}

/** Final statuses whose meaning for a cache is known (RFC 9111, 3); 206 and 304 are no whole responses. */
const UNDERSTOOD: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501])
/** RFC 9110, 15.1: those that may be given a lifetime nobody named. */
const CACHEABLE_BY_DEFAULT: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])

/**
 * Whether and for how long a response to GET may be kept.
 * @param caller `anonymous`: nobody in particular; `shared`: the request had credentials, and all would be given the response; `own`: the
 * response is kept for that caller alone
 * @returns a sentence where it may not
 */
export function judge(received: Received, keeping: Keeping, caller: 'anonymous' | 'shared' | 'own'): Lifetime | string {
  const { status, headers } = received
  const directives = parseDirectives(headers.getJoined('Cache-Control'))
  const vary = varyOf(headers)
  if (directives.isMalformed) return 'its Cache-Control cannot be read'
  if (vary === null) return 'its Vary fits no other request'
  if (status === 206 || status === 304 || headers.has('Content-Range')) return `status ${status} is no whole response`
  // What one client is told to keep must not be told to the next. RFC 9111, 7.3 warns of it; nginx, Varnish and others do the same.
  if (headers.has('Set-Cookie')) return 'it sets a cookie'
  // RFC 9111, 5.2.2.3: who understands the status looks past no-store.
  if (directives.has('no-store') && !(directives.has('must-understand') && UNDERSTOOD.has(status))) return 'no-store'
  if (directives.has('private') && caller !== 'own') return 'private'
  if (!keeping.isKeptStatus(status)) return `status ${status} is not among those kept`
  if (!keeping.isKeptType(headers.getJoined('Content-Type'))) return 'its Content-Type is not among those kept'
  const times = keeping.ttlMs !== null ? ttlTimes(received, keeping, keeping.ttlMs) : httpTimes(received, directives, keeping, caller)
  return typeof times === 'string' ? times : { ...times, vary }
}

type Times = Omit<Lifetime, 'vary'>

function ttlTimes(received: Received, { staleWhileRevalidate, staleIfError, keepStale }: Keeping, ttlMs: number): Times {
  const initialAgeMs = initialAge(received)
  const staleMs = Math.max(staleWhileRevalidate, staleIfError, keepStale)
  return {
    initialAgeMs,
    // Counted from now, however old it was when it came.
    lifetimeMs: initialAgeMs + ttlMs,
    neverStale: false,
    staleWhileRevalidateMs: staleWhileRevalidate,
    staleIfErrorMs: staleIfError,
    keepUntilMs: received.receivedAtMs + ttlMs + staleMs,
  }
}

function httpTimes(received: Received, directives: Directives, keeping: Keeping, caller: string): Times | string {
  const { status, headers, receivedAtMs } = received
  if (!UNDERSTOOD.has(status)) return `status ${status} is not one to keep`
  // RFC 9111, 3.5.
  const isForAll = ALLOWS_SHARING.some((name) => directives.has(name))
  if (caller === 'shared' && !isForAll) return 'it answers a request with credentials, and nothing says that it is for all'
  const explicitMs = explicitLifetime(received, directives)
  const isDefault = explicitMs === undefined && keeping.defaultTtl > 0 && (CACHEABLE_BY_DEFAULT.has(status) || directives.has('public'))
  if (explicitMs === undefined && !isDefault && !directives.has('public') && !directives.has('no-cache')) return 'nothing says for how long'
  const mustValidate = directives.has('no-cache')
  const lifetimeMs = mustValidate ? 0 : (explicitMs ?? (isDefault ? keeping.defaultTtl : 0))
  const initialAgeMs = initialAge(received)
  const stale = staleTimes(directives, keeping)
  const validates = headers.has('ETag') || headers.has('Last-Modified')
  // Kept beyond its freshness where that is of use: to be validated, or to be given where that is allowed.
  const keptMs = stale.neverStale && !validates ? 0 : stale.keptMs
  if (lifetimeMs <= initialAgeMs && !validates && stale.staleWhileRevalidateMs === 0 && stale.staleIfErrorMs === 0)
    return 'it is not fresh, and cannot be validated'
  return {
    initialAgeMs,
    lifetimeMs,
    neverStale: stale.neverStale,
    staleWhileRevalidateMs: stale.staleWhileRevalidateMs,
    staleIfErrorMs: stale.staleIfErrorMs,
    keepUntilMs: receivedAtMs - initialAgeMs + lifetimeMs + keptMs,
  }
}

const ALLOWS_SHARING = ['public', 's-maxage', 'must-revalidate']

/** RFC 9111, 4.2.1, for a cache that is shared; undefined when the response does not say. What cannot be read is 0. */
function explicitLifetime({ headers, receivedAtMs }: Received, directives: Directives): number | undefined {
  const seconds = directives.ms('s-maxage') ?? directives.ms('max-age')
  if (seconds !== undefined) return Number.isNaN(seconds) ? 0 : seconds
  const expires = headers.getAll('Expires')
  if (expires.length === 0) return undefined
  const dateMs = parseHttpDate(headers.get('Date'))
  // RFC 9111, 5.3: a value that is no date, `0` above all, is in the past.
  const expiresMs = expires.length === 1 ? parseHttpDate(expires[0]) : Number.NaN
  return Number.isNaN(expiresMs) ? 0 : Math.max(0, expiresMs - (Number.isNaN(dateMs) ? receivedAtMs : dateMs))
}

interface StaleTimes {
  readonly neverStale: boolean
  readonly staleWhileRevalidateMs: number
  readonly staleIfErrorMs: number
  /** After it ceased to be fresh. */
  readonly keptMs: number
}

/**
 * RFC 9111, 4.2.4 and RFC 5861. `s-maxage` alone forbids stale answers as proxy-revalidate does (RFC 9111, 5.2.2.10). Beside
 * a stale-while-revalidate or stale-if-error of the same response it does not, as services write them: just those are allowed then.
 */
function staleTimes(directives: Directives, { staleWhileRevalidate, staleIfError, keepStale }: Keeping): StaleTimes {
  const named = { revalidateMs: directives.ms('stale-while-revalidate'), errorMs: directives.ms('stale-if-error') }
  const isNamed = named.revalidateMs !== undefined || named.errorMs !== undefined
  const neverStale = FORBIDS_STALE.some((name) => directives.has(name)) || (directives.has('s-maxage') && !isNamed)
  if (neverStale) return { neverStale, staleWhileRevalidateMs: 0, staleIfErrorMs: 0, keptMs: keepStale }
  const onlyNamed = directives.has('s-maxage')
  const staleWhileRevalidateMs = orZero(named.revalidateMs ?? (onlyNamed ? 0 : staleWhileRevalidate))
  const staleIfErrorMs = orZero(named.errorMs ?? (onlyNamed ? 0 : staleIfError))
  const keptMs = Math.max(staleWhileRevalidateMs, staleIfErrorMs, onlyNamed ? 0 : keepStale)
  return { neverStale, staleWhileRevalidateMs, staleIfErrorMs, keptMs }
}

const FORBIDS_STALE = ['must-revalidate', 'proxy-revalidate', 'no-cache']

function orZero(ms: number): number {
  return Number.isNaN(ms) ? 0 : ms
}

/** corrected_initial_age in milliseconds (RFC 9111, 4.2.3). An Age that cannot be read is left out of account (5.1). */
function initialAge({ headers, requestedAtMs, receivedAtMs }: Received): number {
  const dateMs = parseHttpDate(headers.get('Date'))
  const apparentMs = Number.isNaN(dateMs) ? 0 : Math.max(0, receivedAtMs - dateMs)
  const age = headers.get('Age')?.split(',')[0]?.trim() ?? ''
  const valueMs = /^\d{1,12}$/.test(age) ? Number(age) * 1000 : 0
  return Math.max(apparentMs, valueMs + Math.max(0, receivedAtMs - requestedAtMs))
}

/** The names in Vary: lower case, sorted, none twice; null for `*`, for what is no name, and for too many. */
function varyOf(headers: Headers): readonly string[] | null {
  const field = headers.getJoined('Vary')
  if (field === undefined) return NO_NAMES
  const names = [
    ...new Set(
      field
        .toLowerCase()
        .split(',')
        .map((name) => name.trim()),
    ),
  ]
    .filter((name) => name !== '')
    .sort()
  return names.length > VARY_NAMES_MAX || names.some((name) => name === '*' || !/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)) ? null : names
}

const NO_NAMES: readonly string[] = []
