/** Spans as OTLP writes them in JSON (https://opentelemetry.io/docs/specs/otlp/), by the semantic conventions for HTTP. */

import { hostname } from 'node:os'
import type { Attempt, Exchange } from '../core/exchange.ts'
import type { Outcome } from '../core/policy.ts'
import { withoutTokens } from '../core/token-text.ts'
import { verifiedSubject } from './access-log-fields.ts'
import type { BatchFormat } from './batch-sender.ts'
import { type ExchangeTrace, WAIT_NUMBER, type Wait } from './exchange-trace.ts'
import { escapeText } from './log-text.ts'

const INTERNAL = 1
const SERVER = 2
const CLIENT = 3
const ERROR_STATUS = '{"code":2}'
const NO_STATUS = '{}'
const TEXT_LENGTH_MAX = 1_024

/** Whether the parent is in another process is known, and whether it is (Span.flags in trace.proto). */
const HAS_IS_REMOTE = 0x100
const IS_REMOTE = 0x200

/** Methods by whose names spans are called; any other could be a client's invention. */
const METHODS: ReadonlySet<string> = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE'])

/** How spans become the body of an export. @param serviceName `service.name` of the resource */
export function otlpFormat(serviceName: string): BatchFormat {
  const resource = attributes([
    ['service.name', serviceName],
    ['host.name', hostname()],
    ['process.pid', process.pid],
  ])
  return {
    contentType: 'application/json',
    prefix: `{"resourceSpans":[{"resource":{"attributes":${resource}},"scopeSpans":[{"scope":{"name":"turnpike"},"spans":[`,
    separator: ',',
    suffix: ']}]}]}',
    refused: rejectedSpans,
  }
}

/** The spans of an exchange that has ended, as members of a JSON array, and their number. @param epochMs what the clock's zero is since 1970 */
export function spansOf(
  exchange: Exchange,
  outcome: Outcome,
  trace: ExchangeTrace,
  { failed, epochMs }: { readonly failed: boolean; readonly epochMs: number },
): { readonly text: string; readonly count: number } {
  const endedAt = exchange.startedAt + outcome.durationMs
  let text = serverSpan(exchange, outcome, trace, { failed, startMs: exchange.startedAt + epochMs, endMs: endedAt + epochMs })
  for (const attempt of exchange.attempts) text += `,${attemptSpan(exchange, attempt, trace, epochMs, endedAt)}`
  const waits = trace.waits ?? []
  for (const [index, wait] of waits.entries()) text += `,${waitSpan(wait, trace.attemptSpanId(WAIT_NUMBER + index), trace, epochMs)}`
  return { text, count: 1 + exchange.attempts.length + waits.length }
}

interface Span {
  readonly id: string
  /** Empty for none. */
  readonly parentId: string
  readonly isParentRemote: boolean
  readonly name: string
  readonly kind: number
  /** Milliseconds since 1970. */
  readonly startMs: number
  readonly endMs: number
  readonly failed: boolean
  readonly attributes: string
}

function spanText(span: Span, { traceId, state, sampled }: ExchangeTrace): string {
  const flags = (sampled ? 1 : 0) | HAS_IS_REMOTE | (span.isParentRemote ? IS_REMOTE : 0)
  return (
    `{"traceId":"${traceId}","spanId":"${span.id}"` +
    (span.parentId === '' ? '' : `,"parentSpanId":"${span.parentId}"`) +
    (state === '' ? '' : `,"traceState":"${escapeText(state)}"`) +
    `,"flags":${flags},"name":"${escapeText(span.name)}","kind":${span.kind}` +
    `,"startTimeUnixNano":"${nanoseconds(span.startMs)}","endTimeUnixNano":"${nanoseconds(Math.max(span.startMs, span.endMs))}"` +
    `,"attributes":${span.attributes},"status":${span.failed ? ERROR_STATUS : NO_STATUS}}`
  )
}

interface Times {
  readonly failed: boolean
  readonly startMs: number
  readonly endMs: number
}

function serverSpan(exchange: Exchange, outcome: Outcome, trace: ExchangeTrace, { failed, startMs, endMs }: Times): string {
  const { request, route, client, caller, listener } = exchange
  const isKnown = METHODS.has(request.method)
  const pattern = route?.pattern ?? ''
  const method = isKnown ? request.method : '_OTHER'
  return spanText(
    {
      id: trace.spanId,
      parentId: trace.parentId,
      isParentRemote: trace.parentId !== '' && trace.detached === null,
      name: `${trace.detached === null ? '' : `${trace.detached} `}${isKnown ? request.method : 'HTTP'}${pattern === '' ? '' : ` ${pattern}`}`,
      kind: trace.detached === null ? SERVER : INTERNAL,
      startMs,
      endMs,
      failed,
      attributes: attributes([
        ['http.request.method', method],
        ['http.request.method_original', isKnown ? '' : request.method],
        ['url.scheme', request.scheme],
        ['url.path', withoutTokens(request.path)],
        ['http.route', pattern],
        ['http.response.status_code', outcome.status === 0 ? null : outcome.status],
        ['error.type', outcome.error ?? (failed ? String(outcome.status) : '')],
        ['server.address', request.host],
        ['server.port', listener.port],
        ['client.address', client.address],
        ['network.peer.address', client.peerAddress],
        ['tls.protocol.name', client.tls === null ? '' : 'tls'],
        ['tls.protocol.version', client.tls?.version ?? ''],
        ['tls.cipher', client.tls?.cipher ?? ''],
        ['tls.next_protocol', client.tls?.alpn ?? ''],
        ['tls.client.subject', verifiedSubject(exchange) ?? ''],
        ['network.protocol.version', request.majorVersion === 2 ? '2' : `1.${request.minorVersion}`],
        ['user_agent.original', request.headers.get('user-agent') ?? ''],
        ['http.request.body.size', exchange.requestBytes],
        ['http.response.body.size', exchange.responseBytes],
        ['rpc.system', exchange.grpcStatus === -1 ? '' : 'grpc'],
        ['rpc.grpc.status_code', exchange.grpcStatus === -1 ? null : exchange.grpcStatus],
        ['turnpike.request_id', exchange.requestId],
        ['turnpike.route', route?.name ?? ''],
        ['turnpike.service', route?.serviceName ?? ''],
        ['turnpike.consumer', caller.consumer?.name ?? ''],
        ['turnpike.fallback', exchange.fallback ?? ''],
        ['turnpike.detached', trace.detached ?? ''],
        ['turnpike.attempts', exchange.attempts.length],
      ]),
    },
    trace,
  )
}

function attemptSpan(exchange: Exchange, attempt: Attempt, trace: ExchangeTrace, epochMs: number, exchangeEndedAt: number): string {
  const { number, target, status, error } = attempt
  const method = exchange.forward.method === '' ? exchange.request.method : exchange.forward.method
  const isKnown = METHODS.has(method)
  const colon = target.lastIndexOf(':')
  const isGrpc = exchange.grpcStatus !== -1
  const failed = error !== null || status >= 400
  return spanText(
    {
      id: trace.attemptSpanId(number),
      parentId: trace.spanId,
      isParentRemote: false,
      name: isKnown ? method : 'HTTP',
      kind: CLIENT,
      startMs: attempt.startedAt + epochMs,
      endMs: (attempt.endedAt === 0 ? exchangeEndedAt : attempt.endedAt) + epochMs,
      failed,
      attributes: attributes([
        ['http.request.method', isKnown ? method : '_OTHER'],
        ['server.address', target.slice(0, colon).replaceAll(/[[\]]/g, '')],
        ['server.port', Number(target.slice(colon + 1))],
        // A call of gRPC is judged by the HTTP status that its own stands for, which nobody sent.
        ['http.response.status_code', status === 0 || isGrpc ? null : status],
        ['turnpike.attempt.status', status === 0 || !isGrpc ? null : status],
        ['http.request.resend_count', number === 1 ? null : number - 1],
        ['error.type', error ?? (failed ? String(status) : '')],
      ]),
    },
    trace,
  )
}

function waitSpan(wait: Wait, id: string, trace: ExchangeTrace, epochMs: number): string {
  return spanText(
    {
      id,
      parentId: trace.spanId,
      isParentRemote: false,
      name: `policy ${wait.policy}`,
      kind: INTERNAL,
      startMs: wait.startedAt + epochMs,
      endMs: wait.endedAt + epochMs,
      failed: false,
      attributes: attributes([['turnpike.policy', wait.policy]]),
    },
    trace,
  )
}

/** A list of KeyValue. What is empty, null or no number is left out. */
function attributes(pairs: readonly (readonly [key: string, value: string | number | null])[]): string {
  let text = ''
  for (const [key, value] of pairs) {
    if (value === null || value === '' || Number.isNaN(value)) continue
    const written =
      typeof value === 'number' ? `"intValue":"${Math.trunc(value)}"` : `"stringValue":"${escapeText(value.slice(0, TEXT_LENGTH_MAX))}"`
    text += `${text === '' ? '' : ','}{"key":"${key}","value":{${written}}}`
  }
  return `[${text}]`
}

/** Milliseconds as whole nanoseconds, as exact as microseconds: a number could not hold more. */
function nanoseconds(ms: number): string {
  return `${Math.round(ms * 1_000)}000`
}

/** Spans that an ExportTraceServiceResponse says were not taken (`partial_success`); 0 for any other answer. */
function rejectedSpans(answer: string): number {
  if (!answer.includes('rejectedSpans')) return 0
  const count = Number(/"rejectedSpans"\s*:\s*"?(\d{1,9})"?/.exec(answer)?.[1] ?? 0)
  return count
}
