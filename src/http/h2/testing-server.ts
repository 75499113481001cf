import { createServer, type Server } from 'node:net'
import type { BodySink } from '../../core/body.ts'
import { systemClock } from '../../core/clock.ts'
import type { ErrorCode, GatewayError } from '../../core/errors.ts'
import type { Exchange } from '../../core/exchange.ts'
import { DEFAULT_LIMITS, type Limits } from '../../core/limits.ts'
import type { Gauge } from '../../core/observe.ts'
import { TimerWheel } from '../../core/timers.ts'
import type { ExchangeHandler, ServerContext } from '../http.ts'
import { Transport } from '../transport.ts'
import { ServerSession } from './server-session.ts'

/** A gauge that can be read. */
export class TestGauge implements Gauge {
  value = 0
  set(value: number): void {
    this.value = value
  }
  add(amount: number): void {
    this.value += amount
  }
}

/** Answers an exchange. Called for each whole request head. */
export type Answer = (handler: TestHandler) => void

/** An exchange handler that writes down what happens, and does what a test says. */
export class TestHandler implements ExchangeHandler {
  readonly exchange: Exchange
  readonly #server: TestServer
  /** What {@link onDrain} does. */
  drained: () => void = () => {}
  aborted: GatewayError | null = null

  constructor(exchange: Exchange, server: TestServer) {
    this.exchange = exchange
    this.#server = server
  }

  onRequest(): void {
    const { method, target } = this.exchange.request
    this.aborted = null
    this.drained = () => {}
    this.#server.events.push(`${method} ${target}`)
    this.#server.handlers.push(this)
    this.#server.answer(this)
  }

  onRefused(code: ErrorCode): void {
    this.#server.events.push(`refused ${code}`)
    this.reply(code === 'request_head_too_large' ? 431 : code === 'method_not_supported' ? 501 : 400, code)
  }

  onAborted(error: GatewayError): void {
    this.aborted = error
    this.#server.events.push(`aborted ${error.code}`)
  }

  onDrain(): void {
    this.drained()
  }

  onFinished(): void {
    this.#server.events.push('finished')
  }

  /** Begins a response. @param length of the body, -1 for unknown */
  head(status: number, fields: readonly (readonly [string, string])[] = [], length = -1): BodySink {
    const { response, ownHeaders, downstream } = this.exchange
    ownHeaders.reset(Buffer.alloc(0), 0)
    for (const [name, value] of fields) ownHeaders.append(name, value)
    response.status = status
    response.headers = ownHeaders
    response.bodyLength = length
    downstream.sendHead(this.exchange)
    return downstream.responseBody
  }

  /** A whole answer. */
  reply(status: number, body: string | Buffer = '', fields: readonly (readonly [string, string])[] = []): void {
    const bytes = Buffer.from(body)
    const sink = this.head(status, fields, bytes.length)
    if (bytes.length > 0) sink.onData(bytes, 0, bytes.length)
    sink.onEnd(null)
  }

  /** Takes the request body in. */
  body(
    onWhole: (body: Buffer, trailers: readonly (readonly [string, string])[]) => void,
    onBroken: (error: GatewayError) => void = () => {},
  ): void {
    const pieces: Buffer[] = []
    this.exchange.downstream.requestBody.start({
      onData: (bytes, start, end) => {
        pieces.push(Buffer.from(bytes.subarray(start, end)))
        return true
      },
      onEnd: (trailers) => onWhole(Buffer.concat(pieces), trailers?.toPairs() ?? []),
      onError: onBroken,
      flush: () => {},
    })
  }
}

export interface TestServerOptions {
  readonly answer?: Answer
  readonly limits?: Partial<Limits>
  readonly scheme?: 'http' | 'https'
  readonly trusted?: readonly string[]
}

/** HTTP/2 sessions on a port of this process, with handlers that a test says everything to. */
export class TestServer {
  readonly events: string[] = []
  readonly handlers: TestHandler[] = []
  readonly sessions: ServerSession[] = []
  readonly connections: TestGauge = new TestGauge()
  readonly requestsInFlight: TestGauge = new TestGauge()
  readonly context: ServerContext
  closed = 0
  answer: Answer
  readonly #server: Server

  private constructor({ answer, limits, scheme = 'http', trusted = [] }: TestServerOptions) {
    this.answer = answer ?? ((handler) => handler.reply(200, 'hello'))
    this.context = {
      listener: { name: 'test', port: 0, scheme, redirectPort: null, requiresCertificate: false },
      limits: { ...DEFAULT_LIMITS, ...limits },
      wheel: new TimerWheel(),
      clock: systemClock,
      draining: false,
      isTrusted: (address) => trusted.includes(address),
      createHandler: (exchange) => new TestHandler(exchange, this),
      connections: this.connections,
      requestsInFlight: this.requestsInFlight,
      connectionsTotal: { add: () => {} },
    }
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
      this.connections.add(1)
      const peer = { address: socket.remoteAddress ?? '', certificate: null, tls: null }
      this.sessions.push(
        new ServerSession(
          (owner) => Transport.accept(socket, owner),
          peer,
          this.context,
          () => this.closed++,
        ),
      )
    })
  }

  static async start(options: TestServerOptions = {}): Promise<TestServer> {
    const server = new TestServer(options)
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('not open')
    return address.port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Waits until so many connections have closed. */
  async untilClosed(count = 1): Promise<void> {
    while (this.closed < count) await new Promise(setImmediate)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.cut()
    await new Promise((resolve) => {
      this.#server.close(resolve)
    })
  }
}
