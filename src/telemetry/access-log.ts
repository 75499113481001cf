import type { Exchange, LogMemo } from '../core/exchange.ts'
import { countedStatusOf } from '../core/grpc.ts'
import type { AccessLogSettings, LogSampling } from '../core/log-settings.ts'
import type { Logger } from '../core/observe.ts'
import type { Outcome } from '../core/policy.ts'
import { withoutTokens } from '../core/token-text.ts'
import { compileFields, type LineFormat, responseHeadersOf } from './access-log-fields.ts'
import { LogOutputs, type OutputKind } from './log-outputs.ts'
import { escapeText } from './log-text.ts'

export interface AccessLogOptions {
  /** Null for no log until {@link AccessLog.prepare} and `commit`. */
  readonly settings?: AccessLogSettings | null
  /** Bound of what waits for a slow stream or file, in bytes; 4 MiB by default. */
  readonly bytesMax?: number
  /** Told of outputs that cannot be reached. */
  readonly log?: Logger | null
}

const BYTES_MAX_DEFAULT = 4 * 1024 * 1024
const FLUSH_INTERVAL_MS = 100

/** Longest fields in characters. What is longer is cut, and the line says so with `"truncated":true`. */
interface FieldLimits {
  readonly path: number
  readonly text: number
  readonly name: number
}
const LIMITS: FieldLimits = { path: 1_024, text: 512, name: 128 }
/**
 * For lines that came out longer than one atomic write to a pipe (4096 bytes). An escaped character takes six bytes, so that even
 * six times these limits (one path, two texts, six names) and the fixed parts fit.
 */
const TIGHT_LIMITS: FieldLimits = { path: 180, text: 80, name: 40 }
const LINE_BYTES_MAX = 4_096

/** What a configuration says, compiled. */
interface Plan {
  /** Null for the line that is made by default. */
  readonly format: LineFormat | null
  readonly sampling: LogSampling | null
  /** Response headers that lines want, in lower case. */
  readonly headers: readonly string[]
}

const DEFAULT_PLAN: Plan = { format: null, sampling: null, headers: [] }

/**
 * The access log: one line of JSON for each exchange.
 *
 * Lines are pure ASCII (all else is escaped), so that a length in characters is one in bytes and no client can send control
 * characters to a terminal. They are gathered for 100 ms or until a chunk is full. When an output is slow, lines are dropped and
 * counted; the event loop never waits.
 */
export class AccessLog {
  readonly #outputs: LogOutputs
  #plan: Plan = DEFAULT_PLAN
  /** What {@link commit} swaps to. */
  #prepared: Plan | null = null
  readonly #flushOnTimer = () => this.flush()
  #batch = ''
  #timer: NodeJS.Timeout | null = null
  #closed = false
  #lineMs = -1
  /** Of {@link #lineMs}, as ISO 8601 writes it, and how lines begin that are made by default. */
  #time = ''
  #prefix = ''
  #afterEnd = 0

  /** @throws the system's error when a file cannot be opened. */
  constructor({ settings = null, bytesMax = BYTES_MAX_DEFAULT, log = null }: AccessLogOptions = {}) {
    this.#outputs = new LogOutputs({ bytesMax, messageId: 'access', what: 'the access log', log })
    this.prepare(settings)
    this.commit()
  }

  /** Lines that were lost since the start, by the kind of output. */
  dropped(): ReadonlyMap<OutputKind | 'none', number> {
    return this.#afterEnd === 0 ? this.#outputs.dropped() : new Map([...this.#outputs.dropped(), ['none', this.#afterEnd]])
  }

  /** The head of an exchange's response is about to go out: what lines want of it is kept until {@link write}. */
  onHead(exchange: Exchange): void {
    const { headers } = this.#plan
    if (headers.length === 0) return
    const kept = new Map<string, string>()
    for (const name of headers) {
      const value = exchange.response.headers.getJoined(name)
      if (value !== undefined) kept.set(name, value)
    }
    exchange.loggedHeaders = kept
  }

  /** Takes an exchange that has ended. Reads all it needs within the call. */
  write(exchange: Exchange, outcome: Outcome): void {
    const outputs = this.#outputs
    if (outputs.isEmpty) {
      if (this.#closed) this.#afterEnd++
      return
    }
    const { sampling, format } = this.#plan
    if (sampling !== null && !isKept(sampling, exchange, outcome)) return
    const nowMs = Date.now()
    if (nowMs !== this.#lineMs) {
      this.#lineMs = nowMs
      this.#time = new Date(nowMs).toISOString()
      this.#prefix = `{"time":"${this.#time}","requestId":"`
    }
    const line = format === null ? this.#defaultLine(exchange, outcome) : format(exchange, outcome, this.#time)
    if (this.#batch.length + line.length > outputs.chunkBytesMax) this.flush()
    this.#batch += line
    this.#timer ??= setTimeout(this.#flushOnTimer, FLUSH_INTERVAL_MS).unref()
  }

  #defaultLine(exchange: Exchange, outcome: Outcome): string {
    const line = this.#prefix + formatExchange(exchange, outcome, LIMITS)
    return line.length <= LINE_BYTES_MAX ? line : this.#prefix + formatExchange(exchange, outcome, TIGHT_LIMITS)
  }

  /** Hands what has been gathered to the outputs. */
  flush(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer)
      this.#timer = null
    }
    if (this.#batch === '') return
    const batch = this.#batch
    this.#batch = ''
    this.#outputs.write(batch)
  }

  /** Opens files anew after they have been rotated. */
  reopen(): void {
    this.flush()
    this.#outputs.reopen()
  }

  /**
   * Compiles what a new configuration says and opens what it names, null for no log; all stays as it is until {@link commit}.
   * @throws the system's error when an output cannot be opened; nothing has changed then.
   */
  prepare(settings: AccessLogSettings | null): void {
    this.#outputs.prepare(settings?.outputs ?? [])
    this.#prepared = settings === null ? DEFAULT_PLAN : planOf(settings)
  }

  /** Swaps to what was prepared, if anything was. */
  commit(): void {
    if (this.#prepared === null || this.#closed) return
    this.flush()
    this.#outputs.commit()
    this.#plan = this.#prepared
    this.#prepared = null
  }

  /** Drops what was prepared. */
  abandon(): void {
    this.#prepared = null
    this.#outputs.abandon()
  }

  /** Writes what is left, for at most a second. What comes later is dropped and counted. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.flush()
    this.#closed = true
    this.#prepared = null
    await this.#outputs.close()
  }
}

function planOf({ fields, sampling, redact }: AccessLogSettings): Plan {
  if (fields === null && !redact.addresses) return { format: null, sampling, headers: [] }
  const chosen = fields ?? DEFAULT_FIELDS.map((name) => ({ kind: 'known', name }) as const)
  const headers = responseHeadersOf(chosen)
  const wantsCache = chosen.some(({ kind, name }) => kind === 'known' && name === 'cache')
  return {
    format: compileFields(chosen, redact, LINE_BYTES_MAX),
    sampling,
    headers: wantsCache ? [...new Set([...headers, 'cache-status'])] : headers,
  }
}

/** Those of a line that nothing was chosen for; {@link formatExchange} writes the same ones, at half the cost. */
const DEFAULT_FIELDS = [
  'time',
  'requestId',
  'client',
  'method',
  'host',
  'path',
  'protocol',
  'status',
  'error',
  'durationMs',
  'route',
  'service',
  'target',
  'attempts',
  'grpcStatus',
  'requestBytes',
  'responseBytes',
  'userAgent',
  'traceId',
] as const

function isKept({ ratio, keepErrors, slowerThanMs }: LogSampling, exchange: Exchange, outcome: Outcome): boolean {
  if ((slowerThanMs !== null && outcome.durationMs >= slowerThanMs) || (keepErrors && hasFailed(exchange, outcome))) return true
  return ratio > 0 && exchange.clock.random() < ratio
}

/** Whether it was the gateway or a service that failed, or the answer broke off; refusals of what a client may not do are none. */
export function hasFailed({ grpcStatus }: Exchange, { status, error }: Outcome): boolean {
  if (status >= 500 || status === 0) return true
  // The head was sent, and then it went wrong.
  if (error !== null && status < 400) return true
  return grpcStatus > 0 && countedStatusOf(grpcStatus, false) >= 500
}

/** Set by {@link field} when it cuts; one line is made at a time. */
let truncated = false

/** All of a line behind `"requestId":"`. */
function formatExchange(exchange: Exchange, outcome: Outcome, limits: FieldLimits): string {
  const { attempts } = exchange
  const lastAttempt = attempts.length === 0 ? null : attempts[attempts.length - 1]
  truncated = false
  const memo = memoOf(exchange, limits)
  const line =
    `${field(exchange.requestId, limits.name)}${memo.request}${outcome.status}` +
    `,"error":${outcome.error === null ? 'null' : `"${outcome.error}"`},"durationMs":${Math.round(outcome.durationMs * 10) / 10}` +
    `${memo.routed}${lastAttempt ? `"${field(lastAttempt.target, limits.name)}"` : 'null'},"attempts":${attempts.length}` +
    (exchange.grpcStatus === -1 ? '' : `,"grpcStatus":${exchange.grpcStatus}`) +
    `,"requestBytes":${exchange.requestBytes},"responseBytes":${exchange.responseBytes}${memo.userAgent}` +
    (exchange.traceContext === null ? '' : `,"traceId":"${exchange.traceContext.traceId}"`)
  return truncated ? `${line},"truncated":true}\n` : `${line}}\n`
}

/** What the head and the route say; made once for as long as a connection repeats its head. */
function memoOf(exchange: Exchange, limits: FieldLimits): LogMemo {
  const { request, route } = exchange
  const seen = request.logMemo
  if (seen !== null && seen.route === route) return seen
  const memo: LogMemo = {
    route,
    request:
      `","client":"${field(exchange.client.address, limits.name)}` +
      `","method":"${field(request.method, limits.name)}","host":"${field(request.host, limits.text)}` +
      `","path":"${field(withoutTokens(request.path), limits.path)}","protocol":"${request.majorVersion === 2 ? 'HTTP/2' : `HTTP/1.${request.minorVersion}`}","status":`,
    routed:
      `,"route":${route === null ? 'null' : `"${field(route.name, limits.name)}"`}` +
      `,"service":${route === null || route.serviceName === '' ? 'null' : `"${field(route.serviceName, limits.name)}"`},"target":`,
    userAgent: `,"userAgent":"${field(request.headers.get('user-agent') ?? '', limits.text)}"`,
  }
  if (!truncated) request.logMemo = memo
  return memo
}

/** The inside of a JSON string. */
function field(value: string, lengthMax: number): string {
  let text = value
  if (text.length > lengthMax) {
    text = text.slice(0, lengthMax)
    truncated = true
  }
  return escapeText(text)
}
