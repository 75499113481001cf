import { isIPv6 } from 'node:net'
import type { Exchange } from '../core/exchange.ts'
import { type AccessLogSettings, type LogField, type LogFieldName, SECRET_PARAMETERS } from '../core/log-settings.ts'
import type { Outcome } from '../core/policy.ts'
import { withoutTokens } from '../core/token-text.ts'
import { escapeText } from './log-text.ts'

/** What the fields of a line are made from. */
interface Line {
  readonly exchange: Exchange
  readonly outcome: Outcome
  /** As ISO 8601 writes it. */
  readonly time: string
}

/** A text is escaped and cut, a number and null are written as they are; undefined leaves the field out. */
type Value = string | number | null | undefined

/** Formats the chosen fields of a line. */
export type LineFormat = (exchange: Exchange, outcome: Outcome, time: string) => string

const TEXT_LENGTH_MAX = 1_024
/** What lines end with that were cut. */
const TRUNCATED = ',"truncated":true'

/**
 * Compiles the chosen fields.
 * @param lineBytesMax longest line; a field that finds no room in it is left out, and the line says so with `"truncated":true`
 */
export function compileFields(fields: readonly LogField[], redact: AccessLogSettings['redact'], lineBytesMax: number): LineFormat {
  const columns = fields.map((field) => ({ key: `,"${keyOf(field)}":`, read: readerOf(field, redact) }))
  const roomMax = lineBytesMax - TRUNCATED.length - '}\n'.length
  return (exchange, outcome, time) => {
    const line: Line = { exchange, outcome, time }
    let text = ''
    let isCut = false
    for (const { key, read } of columns) {
      const value = read(line)
      if (value === undefined) continue
      let written: string
      if (typeof value === 'string') {
        const isLong = value.length > TEXT_LENGTH_MAX
        written = `"${escapeText(isLong ? value.slice(0, TEXT_LENGTH_MAX) : value)}"`
        isCut ||= isLong
      } else written = String(value)
      if (text.length + key.length + written.length > roomMax) isCut = true
      else text += key + written
    }
    if (isCut) text += TRUNCATED
    return `{${text.slice(1)}}\n`
  }
}

/** Response headers that lines want, in lower case: they are gone when an exchange has ended. */
export function responseHeadersOf(fields: readonly LogField[]): readonly string[] {
  return fields.flatMap(({ kind, name }) => (kind === 'response-header' ? [name] : []))
}

function keyOf({ kind, name }: LogField): string {
  if (kind === 'known') return name
  return `${kind === 'request-header' ? 'requestHeaders' : 'responseHeaders'}.${escapeText(name)}`
}

function readerOf(field: LogField, redact: AccessLogSettings['redact']): (line: Line) => Value {
  if (field.kind !== 'known') {
    const { kind, name } = field
    return kind === 'request-header'
      ? ({ exchange }) => exchange.request.headers.getJoined(name) ?? null
      : ({ exchange }) => exchange.loggedHeaders?.get(name) ?? null
  }
  if (field.name === 'client' && redact.addresses) return ({ exchange }) => networkOf(exchange.client.address)
  if (field.name === 'query') {
    const hidden = new Set([...SECRET_PARAMETERS, ...redact.parameters])
    return ({ exchange }) => shownQuery(exchange.request.query, hidden)
  }
  return READERS[field.name]
}

/** Empty texts are null: the field is there, its value is not. */
function orNull(text: string): string | null {
  return text === '' ? null : text
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}

const READERS: Readonly<Record<LogFieldName, (line: Line) => Value>> = {
  time: ({ time }) => time,
  requestId: ({ exchange }) => exchange.requestId,
  client: ({ exchange }) => exchange.client.address,
  method: ({ exchange }) => exchange.request.method,
  host: ({ exchange }) => exchange.request.host,
  path: ({ exchange }) => withoutTokens(exchange.request.path),
  query: () => null,
  protocol: ({ exchange: { request } }) => (request.majorVersion === 2 ? 'HTTP/2' : `HTTP/1.${request.minorVersion}`),
  scheme: ({ exchange }) => exchange.request.scheme,
  listener: ({ exchange }) => exchange.listener.name,
  status: ({ outcome }) => outcome.status,
  error: ({ outcome }) => outcome.error,
  grpcStatus: ({ exchange }) => (exchange.grpcStatus === -1 ? undefined : exchange.grpcStatus),
  durationMs: ({ outcome }) => tenths(outcome.durationMs),
  upstreamMs: ({ exchange }) => tenths(upstreamMs(exchange)),
  route: ({ exchange }) => exchange.route?.name ?? null,
  service: ({ exchange }) => orNull(exchange.route?.serviceName ?? ''),
  target: ({ exchange }) => exchange.attempts.at(-1)?.target ?? null,
  attempts: ({ exchange }) => exchange.attempts.length,
  fallback: ({ exchange }) => exchange.fallback,
  cache: ({ exchange }) => cacheWord(exchange.loggedHeaders?.get('cache-status') ?? ''),
  requestBytes: ({ exchange }) => exchange.requestBytes,
  responseBytes: ({ exchange }) => exchange.responseBytes,
  userAgent: ({ exchange }) => exchange.request.headers.get('user-agent') ?? '',
  consumer: ({ exchange }) => exchange.caller.consumer?.name ?? null,
  user: ({ exchange }) => orNull(exchange.caller.subject),
  credential: ({ exchange }) => orNull(exchange.caller.credentialId),
  authentication: ({ exchange }) => orNull(exchange.caller.method),
  limited: ({ exchange: { limit } }) => (limit === null ? null : limit.admitted ? 'no' : 'yes'),
  limitRemaining: ({ exchange: { limit } }) => (limit === null || limit.remaining.length === 0 ? null : Math.min(...limit.remaining)),
  tlsVersion: ({ exchange }) => exchange.client.tls?.version ?? null,
  tlsCipher: ({ exchange }) => exchange.client.tls?.cipher ?? null,
  alpn: ({ exchange }) => orNull(exchange.client.tls?.alpn ?? ''),
  clientCertificate: ({ exchange }) => verifiedSubject(exchange),
  traceId: ({ exchange }) => exchange.traceContext?.traceId,
  spanId: ({ exchange }) => exchange.traceContext?.spanId,
}

/** The subject of the client's certificate; null for none. What is not verified says nothing: anybody can write a subject. */
export function verifiedSubject({ client: { certificate } }: Exchange): string | null {
  return certificate?.isVerified === true ? certificate.subject : null
}

/** Time from the first try to the end of the last, waits between tries included; 0 without a try. */
function upstreamMs({ attempts }: Exchange): number {
  const [first] = attempts
  const last = attempts.at(-1)
  return first === undefined || last === undefined ? 0 : Math.max(0, last.endedAt - first.startedAt)
}

/** The word of our own member of Cache-Status (RFC 9211), which stands last: `hit`, or why the request was forwarded. */
function cacheWord(cacheStatus: string): string | null {
  const own = cacheStatus.slice(cacheStatus.lastIndexOf('turnpike'))
  if (!own.startsWith('turnpike')) return null
  if (/;\s*hit\b/.test(own)) return 'hit'
  return /;\s*fwd=([a-z-]+)/.exec(own)?.[1] ?? null
}

/** An address as the network it is in: /24 of IPv4, /48 of IPv6. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  const plain = mapped ?? address
  if (!isIPv6(plain)) return plain.replace(/\.\d+$/, '.0')
  const [head = '', tail] = plain.split('::', 2)
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...before, ...Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after]
  return `${groups.slice(0, 3).join(':')}::`
}

/** A query in which the values of some parameters are hidden. Names are compared as a service would read them. */
function shownQuery(query: string, hidden: ReadonlySet<string>): string {
  if (query === '') return ''
  return query
    .split('&')
    .map((pair) => {
      const at = pair.indexOf('=')
      if (at === -1) return pair
      const name = pair.slice(0, at)
      return hidden.has(decoded(name)) ? `${name}=[hidden]` : pair
    })
    .join('&')
}

function decoded(name: string): string {
  const spaced = name.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced).trim().toLowerCase()
  } catch {
    return spaced.toLowerCase()
  }
}
