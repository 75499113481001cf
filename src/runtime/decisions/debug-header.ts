/**
 * A client that holds the gateway's debug secret has the decision record of its request in the head of the response.
 *
 * `Turnpike-Debug: <expiry>.<mac>`, where `expiry` is in seconds since 1970 and at most an hour ahead, and `mac` the HMAC-SHA256, in hexadecimal,
 * of `<expiry> <method> <host> <path>` with the secret as its key: the host in lower case and without port, the path in its normal form and
 * without query. So a header that is seen on its way is good for that one resource, and not for long.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { DecisionRecord } from '../../core/decision.ts'
import type { RequestHead } from '../../core/exchange.ts'

export const DEBUG_HEADER = 'Turnpike-Debug'
const DECISION_HEADER = 'Turnpike-Decision'
/** Longest time that a header may be good for. */
export const DEBUG_LIFETIME_MAX_S = 3_600
/** Clients have heads to read in bounds of their own: 8 KiB and less. */
const VALUE_CHARS_MAX = 4_096
const NOTES_SHOWN_MAX = 3

/** What the head of a request says of it. */
type Signed = Pick<RequestHead, 'method' | 'host' | 'path'>

/** The value of `Turnpike-Debug` for one request. @param expiry seconds since 1970 */
export function signDebug(secret: string, expiry: number, { method, host, path }: Signed): string {
  return `${expiry}.${createHmac('sha256', secret).update(`${expiry} ${method} ${host} ${path}`).digest('hex')}`
}

/** Whether a request carries a signature of its own that is good now. */
export function debugGrant(request: RequestHead, secret: string, nowMs: number): boolean {
  const sent = request.headers.getAll(DEBUG_HEADER)
  const [value = ''] = sent
  const parts = /^([1-9][0-9]{0,11})\.[0-9a-f]{64}$/.exec(value)
  if (sent.length !== 1 || parts === null) return false
  const expiry = Number(parts[1])
  const nowS = nowMs / 1_000
  if (expiry < nowS || expiry > nowS + DEBUG_LIFETIME_MAX_S) return false
  // Of one length, as the pattern above sees to: the time it takes tells nothing.
  return timingSafeEqual(Buffer.from(value), Buffer.from(signDebug(secret, expiry, request)))
}

/** Name and value of the field that tells a client; what is too long for a head is left out, the least telling first. */
export function decisionHeader(record: DecisionRecord): [name: string, value: string] {
  const { requestId, revision, route, service, caller, limit, cache, attempts, fallback, answer, durationMs, policies } = record
  const core = { requestId, revision, route, service, answer, durationMs }
  const full = { ...core, caller, limit, cache, fallback, attempts, policies }
  const brief = policies.map(({ kind, verdict, answer: given, at, notes }) => ({
    kind,
    verdict,
    answer: given,
    at: `${at.file}:${at.line}`,
    notes: notes.slice(0, NOTES_SHOWN_MAX),
  }))
  const decided = brief.filter(({ verdict }) => verdict.endsWith('answered'))
  const candidates = [
    full,
    { ...full, policies: brief },
    { ...core, attempts: attempts.slice(-3), policies: brief.map(({ kind, verdict }) => ({ kind, verdict })), isCut: true },
    { ...core, policies: decided, isCut: true },
    { requestId, revision, answer, isCut: true },
  ]
  const encoded = candidates.map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'))
  return [DECISION_HEADER, encoded.find((value) => value.length <= VALUE_CHARS_MAX) ?? '']
}
