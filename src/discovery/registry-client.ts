/**
 * How registries are asked over HTTP: whole answers and answers that stream for hours, over TLS where wanted. `node:http` may be used
 * here: a registry is asked by the control process and never on the request path.
 */
import { Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request as plainRequest } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { RegistryTls } from '../core/discovery.ts'

/** A host that swallows connection attempts is noticed long before a blocking query would end. */
const CONNECT_TIMEOUT_MS = 5_000
/** After so long without a byte the kernel asks whether the other side still is there: its death leaves no other trace in a blocking query. */
const TCP_KEEP_ALIVE_MS = 10_000
/** So soon it shows that a kept connection is not there any more. */
const STALE_MS = 1_000
const BYTES_MAX = 16 * 2 ** 20

export interface RegistryRequestOptions {
  /** For the whole answer; of a stream, for its head. */
  readonly timeoutMs: number
  /** Of a stream: how long nothing may come. Default: `timeoutMs`. */
  readonly idleTimeoutMs?: number
  /** Of the body; of a stream, of one line. Default: 16 MiB. */
  readonly bytesMax?: number
  readonly body?: string
  /** Ends the request, and a stream that has begun; what waits for it rejects with a {@link RegistryError}. */
  readonly signal?: AbortSignal
}

export type RegistryHeaders = Readonly<Record<string, string>>

/** A whole answer, whatever its status; redirects are not followed. */
export interface RegistryAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** UTF-8. */
  readonly text: string
  /** Throws a {@link RegistryError} when the text is not JSON. */
  json(): unknown
}

/** An answer that is still coming. */
export interface RegistryStream {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /**
   * The lines as they come, without their ends (LF or CR LF), an unfinished last one too; to be read once. Ends when the registry ends the
   * answer; throws a {@link RegistryError} when it breaks off, says nothing for too long, or a line is too long.
   */
  readonly lines: AsyncIterable<string>
  /** Drops the rest. */
  close(): void
}

/** There is no answer, or none that can be read. The message is for the operator and names the registry. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
}

/** Asks one registry. Connections are kept for the next request. */
export class RegistryClient {
  readonly #base: URL
  readonly #agent: Agent
  readonly #serverName: string
  #isClosed = false

  /** @param url `http://host:port` or `https://host:port`; a path before those of requests is kept */
  constructor(url: string, tls: RegistryTls) {
    this.#base = new URL(url)
    const kept = { keepAlive: true, keepAliveMsecs: TCP_KEEP_ALIVE_MS, maxFreeSockets: 1 }
    const { hostname } = this.#base
    this.#serverName = tls.serverName ?? (isIP(bare(hostname)) === 0 ? hostname : '')
    this.#agent = this.#isTls
      ? new TlsAgent({
          ...kept,
          ...(tls.ca === null ? {} : { ca: tls.ca }),
          ...(tls.cert === null || tls.key === null ? {} : { cert: tls.cert, key: tls.key }),
        })
      : new Agent(kept)
  }

  /**
   * @param path with its query, encoded
   * @returns the whole answer. Rejects with a {@link RegistryError} when there is none within the bounds.
   */
  async request(method: string, path: string, headers: RegistryHeaders, options: RegistryRequestOptions): Promise<RegistryAnswer> {
    const started = performance.now()
    const { response, guard } = await this.#open(method, path, headers, options)
    try {
      guard.expect(options.timeoutMs - (performance.now() - started), `did not answer within ${seconds(options.timeoutMs)}`)
      const text = await this.#readAll(response, options.bytesMax ?? BYTES_MAX)
      return {
        status: response.statusCode ?? 0,
        headers: response.headers,
        text,
        json: () => this.#parse(text),
      }
    } catch (error) {
      throw this.#errorOf(guard.reason ?? error)
    } finally {
      guard.done()
    }
  }

  /** As {@link request}, and resolves when the head is there. */
  async stream(method: string, path: string, headers: RegistryHeaders, options: RegistryRequestOptions): Promise<RegistryStream> {
    const { response, guard } = await this.#open(method, path, headers, options)
    const { idleTimeoutMs = options.timeoutMs, bytesMax = BYTES_MAX } = options
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      lines: this.#lines(response, guard, idleTimeoutMs, bytesMax),
      close: () => {
        guard.done()
        response.destroy()
      },
    }
  }

  /** `host:port`, or the host where the port is the scheme's own: for messages. */
  get host(): string {
    return this.#base.host
  }

  /** Ends all that is under way. */
  close(): void {
    this.#isClosed = true
    this.#agent.destroy()
  }

  get #isTls(): boolean {
    return this.#base.protocol === 'https:'
  }

  /** Resolves with the head of an answer. */
  async #open(method: string, path: string, headers: RegistryHeaders, options: RegistryRequestOptions): Promise<Opened> {
    for (let mayRepeat = true; ; mayRepeat = false) {
      if (this.#isClosed) throw this.#errorOf('is not asked any more')
      const sentAt = performance.now()
      const request = this.#send(method, path, headers, options)
      const guard = new Guard(request, options.signal)
      guard.expect(options.timeoutMs, `did not answer within ${seconds(options.timeoutMs)}`)
      try {
        return { response: await headOf(request), guard }
      } catch (error) {
        guard.done()
        // A kept connection that the other side has closed just now says nothing about the registry (RFC 9112, 9.3.1). One that breaks while
        // a query waits does: what comes back may be another registry, which the same question does not fit.
        const isStale = request.reusedSocket && guard.reason === null && performance.now() - sentAt < STALE_MS
        if (!(mayRepeat && isStale && method === 'GET')) throw this.#errorOf(guard.reason ?? error)
      }
    }
  }

  #send(method: string, path: string, headers: RegistryHeaders, { body }: RegistryRequestOptions): ClientRequest {
    const { hostname, port, pathname } = this.#base
    const options = {
      host: bare(hostname),
      port: port === '' ? (this.#isTls ? 443 : 80) : Number(port),
      method,
      path: pathname.replace(/\/$/, '') + path,
      agent: this.#agent,
      headers: { 'accept-encoding': 'identity', ...headers },
    }
    try {
      const request = this.#isTls ? tlsRequest({ ...options, servername: this.#serverName }) : plainRequest(options)
      request.end(body)
      return request
    } catch (error) {
      // Certificates and keys are read when the connection is opened, header values when they are set.
      throw this.#errorOf(error)
    }
  }

  async #readAll(response: IncomingMessage, bytesMax: number): Promise<string> {
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of chunksOf(response)) {
      bytes += chunk.length
      if (bytes > bytesMax) throw new RegistryError(`${this.#base.host} answered with more than ${bytesMax} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  }

  async *#lines(response: IncomingMessage, guard: Guard, idleTimeoutMs: number, bytesMax: number): AsyncGenerator<string, void> {
    const idle = `said nothing for ${seconds(idleTimeoutMs)}`
    let rest: Buffer[] = []
    let restBytes = 0
    try {
      guard.expect(idleTimeoutMs, idle)
      for await (const chunk of chunksOf(response)) {
        // Whoever reads the lines may take their time: only the registry's silence counts.
        guard.pause()
        let start = 0
        for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
          yield lineOf([...rest, chunk.subarray(start, end)])
          rest = []
          restBytes = 0
          start = end + 1
        }
        rest.push(chunk.subarray(start))
        restBytes += chunk.length - start
        if (restBytes > bytesMax) throw new RegistryError(`${this.#base.host} sent a line of more than ${bytesMax} bytes`)
        guard.expect(idleTimeoutMs, idle)
      }
      if (restBytes > 0) yield lineOf(rest)
    } catch (error) {
      throw this.#errorOf(guard.reason ?? error)
    } finally {
      guard.done()
      response.destroy()
    }
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text)
    } catch {
      throw new RegistryError(`${this.#base.host} did not answer with JSON`)
    }
  }

  #errorOf(cause: unknown): RegistryError {
    if (cause instanceof RegistryError) return cause
    const what = cause instanceof Error ? (WORDS.get(codeOf(cause)) ?? `cannot be asked: ${cause.message}`) : String(cause)
    return new RegistryError(`${this.#base.host} ${what}`, { cause })
  }
}

interface Opened {
  readonly response: IncomingMessage
  readonly guard: Guard
}

/** Limits how long a request may take, and ends it when its owner does. */
class Guard {
  /** Why the request was ended from here; null when it was not. */
  reason: string | null = null
  readonly #request: ClientRequest
  readonly #signal: AbortSignal | undefined
  #timer: NodeJS.Timeout | undefined
  #connectTimer: NodeJS.Timeout | undefined
  readonly #onAbort = (): void => this.#end('was not asked to the end')

  constructor(request: ClientRequest, signal: AbortSignal | undefined) {
    this.#request = request
    this.#signal = signal
    if (signal?.aborted) this.#onAbort()
    else signal?.addEventListener('abort', this.#onAbort, { once: true })
    request.once('socket', (socket) => {
      if (!socket.connecting) return
      this.#connectTimer = setTimeout(
        () => this.#end(`could not be connected to within ${seconds(CONNECT_TIMEOUT_MS)}`),
        CONNECT_TIMEOUT_MS,
      )
      socket.once('connect', () => socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS))
      socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => clearTimeout(this.#connectTimer))
    })
  }

  /** From now on, at most so long until the next call of {@link expect}, {@link pause} or {@link done}. */
  expect(ms: number, reason: string): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#end(reason), Math.max(0, ms))
  }

  pause(): void {
    clearTimeout(this.#timer)
  }

  done(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#connectTimer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }

  #end(reason: string): void {
    this.reason ??= reason
    this.#request.destroy()
  }
}

/** What codes of failed connections mean, after the name of the registry. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'refused the connection'],
  ['ECONNRESET', 'closed the connection'],
  ['EPIPE', 'closed the connection'],
  ['ETIMEDOUT', 'could not be reached in time'],
  ['EHOSTUNREACH', 'cannot be reached: no route to its host'],
  ['ENETUNREACH', 'cannot be reached: no route to its network'],
  ['ENOTFOUND', 'cannot be found in the DNS'],
  ['EAI_AGAIN', 'cannot be found in the DNS: no answer'],
])

const LF = 10

function headOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve)
    // Stays, so that a failure after the head, which the response tells of too, is not thrown.
    request.on('error', reject)
    request.once('close', () => reject(new Error('the connection was closed')))
  })
}

/** The body's chunks. Throws when it breaks off. */
async function* chunksOf(response: IncomingMessage): AsyncGenerator<Buffer, void> {
  for await (const chunk of response) {
    if (Buffer.isBuffer(chunk)) yield chunk
  }
}

function lineOf(pieces: readonly Buffer[]): string {
  const line = Buffer.concat(pieces)
  return line.toString('utf8', 0, line.at(-1) === 13 ? line.length - 1 : line.length)
}

/** An IPv6 address stands in brackets in a URL. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function codeOf(error: Error): string {
  const code: unknown = 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

function seconds(ms: number): string {
  return `${Math.round(ms) / 1_000} s`
}
