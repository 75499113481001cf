import { isIP, type Socket, connect as tcpConnect } from 'node:net'
import { nodeTls } from '../core/lazy-builtins.ts'
import type { SyslogOutput } from '../core/log-settings.ts'
import type { Logger } from '../core/observe.ts'
import { type LineSink, NETWORK_CHUNK_BYTES } from './line-sink.ts'
import { SyslogFormat } from './syslog-message.ts'

const CONNECT_TIMEOUT_MS = 5_000
/** A server that takes nothing for so long is taken for dead. */
const STALL_TIMEOUT_MS = 30_000
const BACKOFF_FIRST_MS = 100
const BACKOFF_MAX_MS = 30_000

interface Piece {
  /** Off the heap: a text made of many pieces would keep all of them alive for as long as it waits. */
  readonly bytes: Buffer
  readonly lines: number
}

export interface SyslogParts {
  /** MSGID of the messages: `access`. */
  readonly messageId: string
  /** What is sent, for the event log: `the access log`. */
  readonly what: string
  readonly log: Logger | null
}

/**
 * Lines to a syslog server over TCP or TLS, each framed by octet counting (RFC 6587, 3.4.1; RFC 5425, 4.3).
 *
 * What waits is bounded; what finds no room is dropped and counted. A connection that is lost is made anew with growing waits, and what was on
 * its way is sent once more: a line may arrive twice. What the system had taken when the connection broke is lost, since syslog confirms nothing.
 */
export class SyslogStreamSink implements LineSink {
  readonly chunkBytesMax = NETWORK_CHUNK_BYTES
  droppedLines = 0
  readonly #output: SyslogOutput
  readonly #parts: SyslogParts
  readonly #format: SyslogFormat
  #socket: Socket | null = null
  #isConnected = false
  #queue: Piece[] = []
  #queuedBytes = 0
  #inFlight: Piece | null = null
  #retryTimer: NodeJS.Timeout | null = null
  #backoffMs = BACKOFF_FIRST_MS
  #isFailing = false
  #closed = false
  #onIdle: (() => void) | null = null

  constructor(output: SyslogOutput, parts: SyslogParts) {
    this.#output = output
    this.#parts = parts
    this.#format = new SyslogFormat({ facility: output.facility, appName: output.appName, messageId: parts.messageId })
  }

  write(chunk: string): void {
    const piece = this.#frame(chunk)
    if (this.#closed || this.#queuedBytes + piece.bytes.length > this.#output.queueBytesMax) {
      this.droppedLines += piece.lines
      return
    }
    this.#queue.push(piece)
    this.#queuedBytes += piece.bytes.length
    this.#pump()
  }

  reopen(): void {}

  async close(timeoutMs: number): Promise<void> {
    this.#closed = true
    if (this.#queuedBytes > 0) {
      const idle = Promise.withResolvers<void>()
      this.#onIdle = idle.resolve
      const timer = setTimeout(idle.resolve, timeoutMs)
      await idle.promise
      clearTimeout(timer)
      this.#onIdle = null
    }
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer)
    this.#retryTimer = null
    if (this.#inFlight !== null) this.droppedLines += this.#inFlight.lines
    for (const { lines } of this.#queue.splice(0)) this.droppedLines += lines
    const isDone = this.#inFlight === null
    this.#inFlight = null
    this.#queuedBytes = 0
    if (isDone) this.#socket?.end()
    else this.#socket?.destroy()
  }

  #frame(chunk: string): Piece {
    const time = new Date().toISOString()
    let text = ''
    let lines = 0
    for (let start = 0, end = chunk.indexOf('\n'); end !== -1; start = end + 1, end = chunk.indexOf('\n', start)) {
      const message = this.#format.message(chunk.slice(start, end), time)
      text += `${message.length} ${message}`
      lines++
    }
    return { bytes: Buffer.from(text, 'latin1'), lines }
  }

  /** One piece at a time, so that it is known what has been taken. */
  #pump(): void {
    if (this.#inFlight !== null) return
    const socket = this.#socket
    if (socket === null) return this.#connect()
    if (!this.#isConnected) return
    const piece = this.#queue.shift()
    if (piece === undefined) {
      this.#onIdle?.()
      return
    }
    this.#inFlight = piece
    socket.write(piece.bytes, (error) => {
      if (error || this.#inFlight !== piece) return
      this.#inFlight = null
      this.#queuedBytes -= piece.bytes.length
      this.#pump()
    })
  }

  #connect(): void {
    if (this.#retryTimer !== null || this.#queue.length === 0) return
    const { transport, host, port, ca } = this.#output
    const socket =
      transport === 'tls'
        ? nodeTls().connect({ host, port, ...(isIP(host) === 0 && { servername: host }), ...(ca !== null && { ca }) })
        : tcpConnect({ host, port })
    this.#socket = socket.unref()
    let reason = 'the connection closed'
    socket.setTimeout(CONNECT_TIMEOUT_MS)
    socket.on('timeout', () => {
      if (!this.#isConnected || this.#inFlight !== null) socket.destroy(new Error('it takes nothing'))
    })
    socket.on(transport === 'tls' ? 'secureConnect' : 'connect', () => {
      socket.setTimeout(STALL_TIMEOUT_MS)
      this.#isConnected = true
      this.#backoffMs = BACKOFF_FIRST_MS
      if (this.#isFailing) this.#parts.log?.info({}, `the syslog server of ${this.#parts.what} can be reached again`)
      this.#isFailing = false
      this.#pump()
    })
    socket.on('error', (error) => {
      reason = error.message
    })
    // A server says nothing; its end is seen only by who reads.
    socket.resume()
    socket.on('close', () => this.#onClose(reason))
  }

  #onClose(reason: string): void {
    const wasConnected = this.#isConnected
    this.#socket = null
    this.#isConnected = false
    if (this.#inFlight !== null) this.#queue.unshift(this.#inFlight)
    this.#inFlight = null
    if (this.#queue.length === 0) return
    this.#retryTimer = setTimeout(
      () => {
        this.#retryTimer = null
        this.#pump()
      },
      // Jitter, so that workers do not come back all at once.
      this.#backoffMs * (0.5 + Math.random() / 2),
    ).unref()
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MAX_MS)
    // Last: what is told may be a line for this very server.
    if (!this.#isFailing && !wasConnected) {
      this.#isFailing = true
      this.#parts.log?.warn({ reason }, `the syslog server of ${this.#parts.what} cannot be reached`)
    }
  }
}
