import type { ExpiryProblem, Reason, StartProblem } from './refusals.ts'
import type { Token } from './token.ts'

/** What is asked of a token beside its signature. Times in milliseconds; empty lists and null ask nothing. */
export interface ClaimRules {
  readonly issuers: readonly string[]
  readonly audiences: readonly string[]
  readonly required: readonly string[]
  readonly values: readonly (readonly [name: string, accepted: readonly unknown[]])[]
  readonly skewMs: number
  readonly requireExpiry: boolean
  /** Dates that are not looked at. */
  readonly ignored: readonly string[]
  /** How far in the future `exp` may be; null for any distance. */
  readonly maxRemainingMs: number | null
  readonly maxAgeMs: number | null
  /** In lower case, without `application/`. */
  readonly type: string | null
}

/** @returns why the token is refused, or the millisecond since 1970 at which it ends; Infinity for never. */
export function checkClaims(token: Token, rules: ClaimRules, nowMs: number): Reason | number {
  if (rules.type !== null && typeOf(token.header['typ']) !== rules.type) return 'type'
  const end = checkTimes(token, rules, nowMs)
  return typeof end === 'string' ? end : (checkNames(token, rules) ?? checkValues(token, rules) ?? end)
}

/** RFC 7515, 4.1.9: a media type, `application/` may be left out; such names have no case. */
export function typeOf(typ: unknown): string | null {
  return typeof typ === 'string' ? typ.toLowerCase().replace(/^application\/(?=[^/]+$)/, '') : null
}

/** RFC 7519, 4.1.4 to 4.1.6. */
function checkTimes({ claims }: Token, rules: ClaimRules, nowMs: number): Reason | number {
  const { skewMs, ignored, maxAgeMs, maxRemainingMs } = rules
  const dateOf = (name: 'exp' | 'nbf' | 'iat'): unknown => (ignored.includes(name) ? undefined : claims[name])
  const exp = dateOf('exp')
  const iat = dateOf('iat')
  const expiry = expiryProblem(exp, rules, nowMs)
  const start = startProblem(dateOf('nbf'), rules, nowMs)
  if (expiry !== null) return start === null ? expiry : `${expiry}+${start}`
  if (start !== null) return start
  if (!isDateOrAbsent(iat)) return 'claimsMalformed'
  if (maxRemainingMs !== null && (typeof exp !== 'number' || exp * 1_000 - nowMs > maxRemainingMs)) return 'tooLong'
  let end = typeof exp === 'number' ? exp * 1_000 + skewMs : Number.POSITIVE_INFINITY
  if (maxAgeMs !== null) {
    if (iat === undefined) return 'claimMissing'
    // Dated ahead it would stay young for longer than is allowed.
    if (nowMs + skewMs < iat * 1_000) return 'notYetValid'
    end = Math.min(end, iat * 1_000 + maxAgeMs + skewMs)
    if (nowMs >= end) return 'tooOld'
  }
  return end
}

function expiryProblem(exp: unknown, { requireExpiry, skewMs }: ClaimRules, nowMs: number): ExpiryProblem | null {
  if (exp === undefined) return requireExpiry ? 'noExpiry' : null
  if (!isDateOrAbsent(exp)) return 'expiryMalformed'
  return nowMs >= exp * 1_000 + skewMs ? 'expired' : null
}

function startProblem(nbf: unknown, { required, skewMs }: ClaimRules, nowMs: number): StartProblem | null {
  if (nbf === undefined) return required.includes('nbf') ? 'noStart' : null
  if (!isDateOrAbsent(nbf)) return 'startMalformed'
  return nowMs + skewMs < nbf * 1_000 ? 'notYetValid' : null
}

/** `null` and text are not dates; a number that is too large for a double would never pass. */
function isDateOrAbsent(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && Number.isFinite(value))
}

function checkNames({ claims }: Token, { issuers, audiences }: ClaimRules): Reason | undefined {
  const { iss, aud, sub } = claims
  if (!isTextOrAbsent(iss) || !isTextOrAbsent(sub)) return 'claimsMalformed'
  if (issuers.length > 0 && (iss === undefined || !issuers.includes(iss))) return 'issuer'
  const forWhom = aud === undefined ? [] : Array.isArray(aud) ? aud : [aud]
  if (!forWhom.every((one) => typeof one === 'string')) return 'claimsMalformed'
  return audiences.length > 0 && !forWhom.some((one) => audiences.includes(one)) ? 'audience' : undefined
}

function isTextOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string'
}

function checkValues({ claims }: Token, { required, values }: ClaimRules): Reason | undefined {
  if (!required.every((name) => Object.hasOwn(claims, name) && claims[name] !== null)) return 'claimMissing'
  for (const [name, accepted] of values) {
    if (!Object.hasOwn(claims, name)) return 'claimMissing'
    const claim = claims[name]
    const found: readonly unknown[] = Array.isArray(claim) ? claim : [claim]
    if (!found.some((one) => accepted.includes(one))) return 'claimValue'
  }
  return undefined
}
