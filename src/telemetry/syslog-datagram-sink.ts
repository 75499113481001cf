import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import type { SyslogOutput } from '../core/log-settings.ts'
import { countLines, type LineSink, NETWORK_CHUNK_BYTES } from './line-sink.ts'
import { SyslogFormat } from './syslog-message.ts'
import type { SyslogParts } from './syslog-stream-sink.ts'

/** How long an address is used before the name is looked up again. */
const ADDRESS_LIFETIME_MS = 60_000
/** A name that cannot be found is not asked for by every line. */
const FAILED_LOOKUP_MS = 1_000

/**
 * Lines to a syslog server by UDP, a datagram each (RFC 5426, 3.1). What the system does not take is dropped and counted; what a network loses is
 * lost.
 */
export class SyslogDatagramSink implements LineSink {
  readonly chunkBytesMax = NETWORK_CHUNK_BYTES
  droppedLines = 0
  readonly #output: SyslogOutput
  readonly #parts: SyslogParts
  readonly #format: SyslogFormat
  #socket: Socket | null = null
  #address = ''
  /** When the name is to be looked up again. */
  #lookupAt = 0
  #isLooking = false
  /** Chunks that wait for the first look-up. */
  #waiting: string[] = []
  #waitingBytes = 0
  #sendingBytes = 0
  #isFailing = false
  #closed = false
  #onIdle: (() => void) | null = null

  constructor(output: SyslogOutput, parts: SyslogParts) {
    this.#output = output
    this.#parts = parts
    this.#format = new SyslogFormat({ facility: output.facility, appName: output.appName, messageId: parts.messageId })
  }

  write(chunk: string): void {
    if (this.#closed || this.#waitingBytes + this.#sendingBytes + chunk.length > this.#output.queueBytesMax) {
      this.droppedLines += countLines(chunk)
      return
    }
    if (!this.#isLooking && performance.now() >= this.#lookupAt) void this.#find()
    if (this.#socket !== null) return this.#sendLines(this.#socket, chunk)
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.length
  }

  reopen(): void {}

  async close(timeoutMs: number): Promise<void> {
    this.#closed = true
    if (this.#sendingBytes > 0 || this.#isLooking) {
      const idle = Promise.withResolvers<void>()
      this.#onIdle = idle.resolve
      const timer = setTimeout(idle.resolve, timeoutMs)
      await idle.promise
      clearTimeout(timer)
    }
    for (const chunk of this.#waiting.splice(0)) this.droppedLines += countLines(chunk)
    this.#socket?.close()
    this.#socket = null
  }

  /** Finds the address; until the first one is there, lines wait. Never rejects. */
  async #find(): Promise<void> {
    this.#isLooking = true
    try {
      const { address, family } = await lookup(this.#output.host, { order: 'ipv4first' })
      this.#lookupAt = performance.now() + ADDRESS_LIFETIME_MS
      if (address !== this.#address) this.#open(address, family === 6 ? 6 : 4)
      if (this.#isFailing) this.#parts.log?.info({}, `the syslog server of ${this.#parts.what} can be found again`)
      this.#isFailing = false
    } catch (error) {
      this.#lookupAt = performance.now() + FAILED_LOOKUP_MS
      if (!this.#isFailing) this.#parts.log?.warn({ reason: String(error) }, `the syslog server of ${this.#parts.what} cannot be found`)
      this.#isFailing = true
    }
    this.#isLooking = false
    this.#sendWaiting()
    this.#tellIdle()
  }

  #open(address: string, family: 4 | 6): void {
    this.#socket?.close()
    this.#address = address
    // Each send says by itself that it failed; without a listener an error would end the process.
    this.#socket = createSocket(family === 6 ? 'udp6' : 'udp4')
      .on('error', () => {})
      .unref()
  }

  #sendWaiting(): void {
    const socket = this.#socket
    if (socket === null) return
    for (const chunk of this.#waiting.splice(0)) this.#sendLines(socket, chunk)
    this.#waitingBytes = 0
  }

  #sendLines(socket: Socket, chunk: string): void {
    const time = new Date().toISOString()
    for (let start = 0, end = chunk.indexOf('\n'); end !== -1; start = end + 1, end = chunk.indexOf('\n', start)) {
      const message = Buffer.from(this.#format.message(chunk.slice(start, end), time), 'latin1')
      this.#sendingBytes += message.length
      socket.send(message, this.#output.port, this.#address, (error) => {
        if (error !== null) this.droppedLines++
        this.#sendingBytes -= message.length
        this.#tellIdle()
      })
    }
  }

  #tellIdle(): void {
    if (this.#sendingBytes === 0 && !this.#isLooking) this.#onIdle?.()
  }
}
