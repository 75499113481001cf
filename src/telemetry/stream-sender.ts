import { connect, type Socket } from 'node:net'
import type { Counter, Logger } from '../core/observe.ts'
import type { RecordSink, StreamRecords } from '../core/record-output.ts'

const FLUSH_INTERVAL_MS = 100
const WAITING_BYTES_MAX = 1024 * 1024
/** How long a server that could not be reached is left alone; what is written meanwhile waits. */
const RETRY_MS = 1_000
const CONNECT_TIMEOUT_MS = 5_000
const CLOSE_TIMEOUT_MS = 1_000

export interface StreamSenderParts {
  readonly log: Logger
  readonly dropped: Counter
  readonly onClose: (closed: Promise<void>) => void
}

/** Lines by TCP, each with its line break, over one connection that is made anew when it breaks. */
export class StreamSender implements RecordSink {
  readonly #output: StreamRecords
  readonly #parts: StreamSenderParts
  readonly #flushOnTimer = () => this.#flush()
  #lines: string[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | null = null
  #socket: Socket | null = null
  #retryAt = 0
  #isFailing = false
  #isClosed = false

  constructor(output: StreamRecords, parts: StreamSenderParts) {
    this.#output = output
    this.#parts = parts
  }

  write(record: string): void {
    const waiting = this.#bytes + (this.#socket?.writableLength ?? 0)
    if (this.#isClosed || waiting + record.length > WAITING_BYTES_MAX) return this.#parts.dropped.add(1)
    this.#lines.push(record)
    this.#bytes += record.length + 1
    this.#timer ??= setTimeout(this.#flushOnTimer, FLUSH_INTERVAL_MS).unref()
  }

  close(): void {
    this.#isClosed = true
    this.#retryAt = 0
    this.#flush()
    this.#parts.onClose(this.#ended())
  }

  async #ended(): Promise<void> {
    const socket = this.#socket
    if (socket === null) return
    const { promise, resolve } = Promise.withResolvers<void>()
    socket.once('close', () => resolve())
    const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS)
    socket.end()
    await promise
    clearTimeout(timer)
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#lines.length === 0) return
    const now = performance.now()
    if (this.#socket === null && now < this.#retryAt) {
      this.#timer = setTimeout(this.#flushOnTimer, this.#retryAt - now).unref()
      return
    }
    this.#socket ??= this.#open()
    const count = this.#lines.length
    const text = `${this.#lines.join('\n')}\n`
    this.#lines = []
    this.#bytes = 0
    this.#socket.write(text, 'latin1', (error) => {
      if (error != null) this.#parts.dropped.add(count)
    })
  }

  #open(): Socket {
    const { host, port } = this.#output
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS })
    socket.unref()
    // Nothing is asked for; what comes is not kept.
    socket.resume()
    socket.once('connect', () => {
      socket.setTimeout(0)
      if (this.#isFailing) this.#parts.log.info({ host }, 'a server for metrics can be reached again')
      this.#isFailing = false
    })
    socket.on('timeout', () => socket.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`)))
    socket.on('error', (error) => {
      if (!this.#isFailing) this.#parts.log.warn({ reason: error.message, host }, 'a server for metrics cannot be reached')
      this.#isFailing = true
    })
    socket.on('close', () => {
      this.#socket = null
      this.#retryAt = performance.now() + RETRY_MS
    })
    return socket
  }
}
