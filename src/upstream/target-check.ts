import type { ActiveCheckIr } from '../config/ir.ts'
import type { ErrorCode, GatewayError } from '../core/errors.ts'
import { Headers } from '../core/headers.ts'
import { compileRegex } from '../core/regex.ts'
import { compileStatuses } from '../core/status-set.ts'
import type { TimerWheel } from '../core/timers.ts'
import { ClientConnection } from '../http/h1/client-connection.ts'
import type { ConnectionPool, UpstreamHandler } from '../http/h1/upstream-handler.ts'
import type { UpstreamConnection } from '../http/upstream-connection.ts'
import type { Scheduler } from './scheduler.ts'

/** Of a body so much is looked at. */
const BODY_BYTES_MAX = 64 * 1024
const HEAD_BYTES_MAX = 16 * 1024

/** What a check asks for, and what it wants to see. */
export interface CheckRule {
  readonly ir: ActiveCheckIr
  readonly intervalMs: number
  readonly isHealthy: (status: number) => boolean
  /** Null where the body does not matter. */
  readonly matches: ((text: string) => boolean) | null
}

/** The configuration has been checked: an expression that is none matches nothing. */
export function compileCheck(ir: ActiveCheckIr): CheckRule {
  return { ir, intervalMs: ir.intervalMs, isHealthy: compileStatuses(ir.statuses), matches: matcher(ir.body) }
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

export interface CheckedAddress {
  readonly host: string
  readonly port: number
  /** `host:port`. */
  readonly label: string
}

/** One check of one target, over a connection of its own that is closed afterwards: it neither uses nor fills the pool of the traffic. */
export class TargetCheck implements UpstreamHandler, ConnectionPool {
  readonly label: string
  readonly headBytesMax = HEAD_BYTES_MAX
  readonly wheel: TimerWheel
  readonly #rule: CheckRule
  readonly #onDone: (failure: string | null) => void
  readonly #connection: ClientConnection
  readonly #stopTimer: () => void
  readonly #body: Buffer[] = []
  #bodyBytes = 0
  #isDone = false

  /** @param onDone gets what is wrong in plain words, or null; called once, later, and not after {@link abort} */
  constructor(address: CheckedAddress, rule: CheckRule, wheel: TimerWheel, scheduler: Scheduler, onDone: (failure: string | null) => void) {
    const { timeoutMs } = rule.ir
    this.label = address.label
    this.wheel = wheel
    this.#rule = rule
    this.#onDone = onDone
    this.#stopTimer = scheduler.after(timeoutMs, () => this.#finish(`no answer within ${timeoutMs} ms`))
    this.#connection = new ClientConnection(address.host, address.port, timeoutMs, this, this)
  }

  abort(): void {
    this.#isDone = true
    this.#stopTimer()
    this.#connection.abort()
  }

  #finish(failure: string | null): void {
    if (this.#isDone) return
    this.abort()
    this.#onDone(failure)
  }

  onConnected(connection: UpstreamConnection): void {
    const { ir } = this.#rule
    if (ir.kind === 'tcp') {
      this.#finish(null)
      return
    }
    const headers = new Headers()
    for (const [name, value] of ir.headers) headers.append(name, value)
    headers.set('Connection', 'close')
    if (!headers.has('User-Agent')) headers.set('User-Agent', 'turnpike-health-check')
    connection.send({
      method: 'GET',
      target: ir.path,
      authority: ir.host ?? this.label,
      headers,
      bodyLength: 0,
      upgrade: '',
      expectsContinue: false,
      version: '1.1',
      acceptsTrailers: false,
    })
  }

  onInformational(): void {}

  onHead(status: number): void {
    if (!this.#rule.isHealthy(status)) this.#finish(`status ${status}`)
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

  onEnd(): void {
    this.#judgeBody()
  }

  #judgeBody(): void {
    if (this.#isDone) return
    const isRight = this.#rule.matches?.(Buffer.concat(this.#body).toString()) ?? true
    this.#finish(isRight ? null : 'the body does not hold what it must')
  }

  onUpgraded(): void {
    this.#finish('the protocol was switched')
  }

  onFailed(error: GatewayError): void {
    this.#finish(WORDS[error.code] ?? error.message)
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

  onGone(): void {}
}
