import type { Exchange, LogMemo } from '../core/exchange.ts'
import type { Outcome } from '../core/policy.ts'
import { type LineSink, openLineSink } from './line-sink.ts'

export interface AccessLogOptions {
  /** `stdout`, `stderr` or a file's path; null for no log. */
  readonly output: string | null
  /** Bound of what waits for a slow output, in bytes; 4 MiB by default. */
  readonly bytesMax?: number
}

const BYTES_MAX_DEFAULT = 4 * 1024 * 1024
const FLUSH_INTERVAL_MS = 100
/** A worker that ends waits no longer than this for a slow output. */
const CLOSE_TIMEOUT_MS = 1_000

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

/** Everything but printable ASCII without quote and backslash. */
const NEEDS_ESCAPE = /[^\u0020-\u007e]|["\\]/
const ESCAPED_CHARACTERS = /[^\u0020-\u007e]|["\\]/g

/**
 * The access log: one line of JSON for each exchange.
 *
 * Lines are pure ASCII (all else is escaped), so that a length in characters is one in bytes and no client can send control
 * characters to a terminal. They are gathered for 100 ms or until a chunk is full. When the output is slow, lines are dropped and
 * counted; the event loop never waits.
 */
export class AccessLog {
  #sink: LineSink | null
  #output: string | null
  readonly #bytesMax: number
  /** What {@link commitOutput} swaps to. */
  #prepared: { readonly output: string | null; readonly sink: LineSink | null } | null = null
  readonly #flushOnTimer = () => this.flush()
  #batch = ''
  #timer: NodeJS.Timeout | null = null
  #closed = false
  #prefixMs = -1
  #prefix = ''
  /** Lines lost that the current sink does not know of. */
  #droppedBefore = 0

  /** @throws the system's error when the file cannot be opened. */
  constructor(options: AccessLogOptions) {
    this.#bytesMax = options.bytesMax ?? BYTES_MAX_DEFAULT
    this.#output = options.output
    this.#sink = this.#open(options.output)
  }

  /** Lines that were lost since the start. */
  get dropped(): number {
    return this.#droppedBefore + (this.#sink?.droppedLines ?? 0)
  }

  /** Takes an exchange that has ended. Reads all it needs within the call. */
  write(exchange: Exchange, outcome: Outcome): void {
    const sink = this.#sink
    if (sink === null) {
      if (this.#closed) this.#droppedBefore++
      return
    }
    const nowMs = Date.now()
    if (nowMs !== this.#prefixMs) {
      this.#prefixMs = nowMs
      this.#prefix = `{"time":"${new Date(nowMs).toISOString()}","requestId":"`
    }
    let line = this.#prefix + formatExchange(exchange, outcome, LIMITS)
    if (line.length > LINE_BYTES_MAX) line = this.#prefix + formatExchange(exchange, outcome, TIGHT_LIMITS)
    if (this.#batch.length + line.length > sink.chunkBytesMax) this.flush()
    this.#batch += line
    this.#timer ??= setTimeout(this.#flushOnTimer, FLUSH_INTERVAL_MS).unref()
  }

  /** Hands what has been gathered to the output. */
  flush(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer)
      this.#timer = null
    }
    if (this.#batch === '') return
    const batch = this.#batch
    this.#batch = ''
    this.#sink?.write(batch)
  }

  /** Opens the file anew after it has been rotated. */
  reopen(): void {
    this.flush()
    this.#sink?.reopen()
  }

  /**
   * Opens what a new configuration names as output; lines go on to the old one until {@link commitOutput}.
   * @throws the system's error when it cannot be opened; nothing has changed then.
   */
  prepareOutput(output: string | null): void {
    this.abandonOutput()
    if (output !== this.#output) this.#prepared = { output, sink: this.#open(output) }
  }

  /** Swaps to the prepared output, if there is one. */
  commitOutput(): void {
    if (this.#prepared === null || this.#closed) return
    this.flush()
    const old = this.#sink
    this.#sink = this.#prepared.sink
    this.#output = this.#prepared.output
    this.#prepared = null
    if (old !== null) void this.#closeSink(old)
  }

  /** Closes the prepared output again. */
  abandonOutput(): void {
    const sink = this.#prepared?.sink ?? null
    this.#prepared = null
    if (sink !== null) void sink.close(0)
  }

  /** Writes what is left, for at most a second. What comes later is dropped and counted. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.flush()
    this.#closed = true
    this.abandonOutput()
    const sink = this.#sink
    this.#sink = null
    if (sink !== null) await this.#closeSink(sink)
  }

  #open(output: string | null): LineSink | null {
    return output === null ? null : openLineSink(output, this.#bytesMax)
  }

  async #closeSink(sink: LineSink): Promise<void> {
    await sink.close(CLOSE_TIMEOUT_MS)
    this.#droppedBefore += sink.droppedLines
  }
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
    `,"requestBytes":${exchange.requestBytes},"responseBytes":${exchange.responseBytes}${memo.userAgent}`
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
      `","path":"${field(request.path, limits.path)}","protocol":"${request.majorVersion === 2 ? 'HTTP/2' : `HTTP/1.${request.minorVersion}`}","status":`,
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
  return NEEDS_ESCAPE.test(text) ? text.replace(ESCAPED_CHARACTERS, escapeCharacter) : text
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
