import type { ActiveCheckIr } from '../config/ir.ts'
import { LENGTH_UNKNOWN } from '../core/body.ts'
import type { ErrorCode, GatewayError } from '../core/errors.ts'
import { Headers } from '../core/headers.ts'
import { compileRegex } from '../core/regex.ts'
import { compileStatuses } from '../core/status-set.ts'
import type { TimerWheel } from '../core/timers.ts'
import { type Address, Dial, type DialOwner, type HttpProtocol, type Wire } from '../http/dial.ts'
import { ClientConnection } from '../http/h1/client-connection.ts'
import type { UpstreamRequest } from '../http/h1/request-head.ts'
import type { ConnectionPool, UpstreamHandler } from '../http/h1/upstream-handler.ts'
import { ClientSession, type SessionOwner } from '../http/h2/client-session.ts'
import type { Transport } from '../http/transport.ts'
import type { UpstreamConnection } from '../http/upstream-connection.ts'
import { GRPC_CHECK_PATH, grpcHealth, grpcHealthRequest } from './grpc-health.ts'
import type { Scheduler } from './scheduler.ts'

/** Of a body so much is looked at. */
const BODY_BYTES_MAX = 64 * 1024
const HEAD_BYTES_MAX = 16 * 1024

/** What a check asks for, and what it wants to see. */
export interface CheckRule {
  readonly ir: ActiveCheckIr
  readonly intervalMs: number
  /** For targets that are not fit. */
  readonly unfitIntervalMs: number
  readonly isHealthy: (status: number) => boolean
  /** Null where the body does not matter. */
  readonly matches: ((text: string) => boolean) | null
}

/** The configuration has been checked: an expression that is none matches nothing. */
export function compileCheck(ir: ActiveCheckIr): CheckRule {
  return {
    ir,
    intervalMs: ir.intervalMs,
    unfitIntervalMs: ir.unfitIntervalMs,
    isHealthy: compileStatuses(ir.statuses),
    matches: matcher(ir.body),
  }
}

function matcher(body: ActiveCheckIr['body']): CheckRule['matches'] {
  if (body === null) return null
  const { kind, value } = body
  if (kind === 'text') return (text) => text.includes(value)
  const regex = compileRegex(value, 'none')
  return (text) => 'test' in regex && regex.test(text)
}

/** What a check says of a fault. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  upstream_dns_failed: 'the name is not known',
  upstream_connect_refused: 'the connection was refused',
  upstream_connect_failed: 'no connection could be made',
  upstream_connect_timeout: 'no connection in time',
  upstream_reset_before_headers: 'the connection was closed before an answer',
  upstream_response_malformed: 'the answer is not well-formed HTTP',
  upstream_head_too_large: 'the head of the answer is too large',
  upstream_body_aborted: 'the answer broke off',
}

export interface CheckedAddress extends Address {
  /** How it is spoken to. */
  wire(): Wire
}

/** One check of one target, over a connection of its own that is closed afterwards: it neither uses nor fills the pool of the traffic. */
export class TargetCheck implements DialOwner, UpstreamHandler, ConnectionPool, SessionOwner {
  readonly label: string
  readonly headBytesMax = HEAD_BYTES_MAX
  readonly idleTimeoutMs: number
  readonly wheel: TimerWheel
  readonly isSecure: boolean
  readonly #rule: CheckRule
  readonly #onDone: (failure: string | null) => void
  readonly #dial: Dial
  readonly #stopTimer: () => void
  readonly #body: Buffer[] = []
  #connection: UpstreamConnection | null = null
  #session: ClientSession | null = null
  #bodyBytes = 0
  /** The head of an answer of gRPC. */
  #grpcHead: Headers | null = null
  #isDone = false

  /** @param onDone gets what is wrong in plain words, or null; called once, later, and not after {@link abort} */
  constructor(address: CheckedAddress, rule: CheckRule, wheel: TimerWheel, scheduler: Scheduler, onDone: (failure: string | null) => void) {
    const { timeoutMs } = rule.ir
    const { tls, protocol } = address.wire()
    this.label = address.label
    this.idleTimeoutMs = timeoutMs
    this.wheel = wheel
    this.isSecure = tls !== null
    this.#rule = rule
    this.#onDone = onDone
    this.#stopTimer = scheduler.after(timeoutMs, () => this.#finish(`no answer within ${timeoutMs} ms`))
    // gRPC is spoken over HTTP/2 alone, whatever else the service speaks.
    const wire: Wire = { tls, protocol: rule.ir.kind === 'grpc' ? 'h2' : protocol }
    this.#dial = new Dial(address, wire, timeoutMs, wheel, this)
  }

  abort(): void {
    this.#isDone = true
    this.#stopTimer()
    this.#dial.cancel()
    this.#connection?.abort()
    this.#session?.retire()
  }

  #finish(failure: string | null): void {
    if (this.#isDone) return
    this.abort()
    this.#onDone(failure)
  }

  onDialed(transport: Transport, protocol: HttpProtocol): void {
    if (this.#rule.ir.kind === 'tcp') {
      transport.destroy()
      this.#finish(null)
      return
    }
    if (protocol === 'h2') this.#session = new ClientSession(transport, this)
    const connection: UpstreamConnection = this.#session?.open(this) ?? new ClientConnection(transport, this, this)
    this.#connection = connection
    this.onConnected(connection)
  }

  onDialFailed(error: GatewayError): void {
    this.onFailed(error)
  }

  onConnected(connection: UpstreamConnection): void {
    const { ir } = this.#rule
    if (ir.kind === 'grpc') {
      const body = grpcHealthRequest(ir.grpcService)
      connection.send({ ...this.#request(), method: 'POST', target: GRPC_CHECK_PATH, bodyLength: LENGTH_UNKNOWN, acceptsTrailers: true })
      connection.requestBody.onData(body, 0, body.length)
      connection.requestBody.onEnd(null)
    } else connection.send(this.#request())
  }

  #request(): UpstreamRequest {
    const { ir } = this.#rule
    const headers = new Headers()
    for (const [name, value] of ir.headers) headers.append(name, value)
    headers.set('Connection', 'close')
    if (ir.kind === 'grpc') headers.set('Content-Type', 'application/grpc')
    if (!headers.has('User-Agent')) headers.set('User-Agent', 'turnpike-health-check')
    return {
      method: 'GET',
      target: ir.path,
      authority: ir.host ?? this.label,
      headers,
      bodyLength: 0,
      upgrade: '',
      expectsContinue: false,
      version: '1.1',
      acceptsTrailers: false,
    }
  }

  onInformational(): void {}

  onHead(status: number, headers: Headers): void {
    const isGrpc = this.#rule.ir.kind === 'grpc'
    if (isGrpc ? status !== 200 : !this.#rule.isHealthy(status)) this.#finish(`status ${status}`)
    else if (isGrpc) this.#grpcHead = headers
    else if (this.#rule.matches === null) this.#finish(null)
  }

  onData(bytes: Buffer, start: number, end: number): boolean {
    if (this.#isDone) return true
    const kept = Math.min(end, start + BODY_BYTES_MAX - this.#bodyBytes)
    this.#body.push(Buffer.from(bytes.subarray(start, kept)))
    this.#bodyBytes += kept - start
    if (this.#bodyBytes >= BODY_BYTES_MAX) this.#judgeBody()
    return true
  }

  onEnd(trailers: Headers | null): void {
    // An answer that is a status alone has it in its head.
    if (this.#grpcHead === null) this.#judgeBody()
    else this.#finish(grpcHealth(trailers ?? this.#grpcHead, Buffer.concat(this.#body)))
  }

  #judgeBody(): void {
    if (this.#isDone) return
    if (this.#grpcHead !== null) return this.#finish('the answer is no answer of a health service')
    const isRight = this.#rule.matches?.(Buffer.concat(this.#body).toString()) ?? true
    this.#finish(isRight ? null : 'the body does not hold what it must')
  }

  onUpgraded(): void {
    this.#finish('the protocol was switched')
  }

  onFailed(error: GatewayError): void {
    const words = WORDS[error.code]
    // Of TLS the reason matters, and only the detail has it.
    this.#finish(words === undefined ? error.message.replace(`${this.label}: `, '') : words)
  }

  onError(error: GatewayError): void {
    this.onFailed(error)
  }

  flush(): void {}

  onWritable(): void {}

  /** Never used again. */
  onReusable(connection: ClientConnection): void {
    connection.abort()
  }

  onRetired(): void {}

  onGone(): void {}
}
