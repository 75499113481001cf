import { type BodySink, LENGTH_UNKNOWN } from '../../core/body.ts'
import type { GatewayError } from '../../core/errors.ts'
import type { Exchange } from '../../core/exchange.ts'
import { writeAscii } from '../../core/field-text.ts'
import type { Headers } from '../../core/headers.ts'
import { EventBoundary, isEventStream } from '../event-boundary.ts'
import { downstreamOutput } from '../output.ts'
import type { Transport } from '../transport.ts'
import { chunkHeadBytesMax, LAST_CHUNK, statusLine, writeChunkHead, writeDate, writeLastChunk } from './wire.ts'

type Framing = 'none' | 'length' | 'chunked' | 'close'

/** What the writer asks of its connection. */
export interface WriterOwner {
  /** Whether this response may leave the connection open; asked once, when its head is written. */
  mayKeepAlive(): boolean
  onResponseWritten(keepAlive: boolean): void
  /** The client does not take what was written: it waits. */
  onStalled(): void
  /** The response cannot be finished: the connection has to go. */
  onBrokenOff(): void
}

/** The writing half of a server connection: one response at a time (hyper's `Writing`). */
export class ResponseWriter implements BodySink {
  headSent = false
  #framing: Framing = 'none'
  #remaining = 0
  #keepAlive = true
  #exchange: Exchange | null = null
  /** Follows a body without a length. */
  readonly #events = new EventBoundary()
  /** The body ends where the event that is under way does. */
  #endsWithEvent = false
  readonly #transport: Transport
  readonly #owner: WriterOwner

  constructor(transport: Transport, owner: WriterOwner) {
    this.#transport = transport
    this.#owner = owner
  }

  reset(): void {
    this.headSent = false
    this.#framing = 'none'
    this.#exchange = null
    this.#events.reset()
    this.#endsWithEvent = false
  }

  /** RFC 9110, 15.2: a 1xx head; only for clients of HTTP/1.1. */
  sendInformational(status: number, headers: Headers | null): void {
    const output = downstreamOutput
    output.begin(this.#transport)
    output.reserve((headers?.sizeMax() ?? 0) + 128)
    output.append(statusLine(status), 0, statusLine(status).length)
    if (headers !== null) output.length = headers.writeTo(output.buffer, output.length)
    output.length = writeAscii(output.buffer, output.length, '\r\n')
    output.flush()
  }

  /** Writes 101 and the headers; what follows is the tunnel's. */
  sendSwitch(exchange: Exchange, protocol: string): void {
    const output = downstreamOutput
    this.headSent = true
    output.begin(this.#transport)
    output.reserve(exchange.response.headers.sizeMax() + 256)
    output.append(statusLine(101), 0, statusLine(101).length)
    output.length = exchange.response.headers.writeTo(output.buffer, output.length)
    output.length = writeAscii(output.buffer, output.length, `Connection: upgrade\r\nUpgrade: ${protocol}\r\n\r\n`)
    output.flush()
  }

  sendHead(exchange: Exchange): void {
    const { response, request } = exchange
    const { headers, status } = response
    this.headSent = true
    this.#exchange = exchange
    this.#keepAlive = this.#owner.mayKeepAlive()
    this.#decideFraming(exchange)

    const output = downstreamOutput
    output.begin(this.#transport)
    output.reserve(headers.sizeMax() + 256)
    const line = statusLine(status)
    output.append(line, 0, line.length)
    output.length = headers.writeTo(output.buffer, output.length)
    if (!headers.has('Date')) output.length = writeDate(output.buffer, output.length)
    if (this.#framing === 'chunked') {
      output.length = writeAscii(output.buffer, output.length, 'Transfer-Encoding: chunked\r\n')
    } else if (response.bodyLength >= 0 && status >= 200 && status !== 204 && status !== 304 && !headers.has('Content-Length')) {
      // RFC 9110, 8.6: for HEAD it says what GET would have sent, and is left out when that is not known.
      output.length = writeAscii(output.buffer, output.length, `Content-Length: ${response.bodyLength}\r\n`)
    }
    if (!this.#keepAlive) output.length = writeAscii(output.buffer, output.length, 'Connection: close\r\n')
    else if (request.minorVersion === 0) output.length = writeAscii(output.buffer, output.length, 'Connection: keep-alive\r\n')
    output.length = writeAscii(output.buffer, output.length, '\r\n')
  }

  #decideFraming({ request, response }: Exchange): void {
    const { status, bodyLength } = response
    if (request.method === 'HEAD' || status === 204 || status === 304) {
      this.#framing = 'none'
    } else if (bodyLength !== LENGTH_UNKNOWN) {
      this.#framing = bodyLength === 0 ? 'none' : 'length'
      this.#remaining = bodyLength
    } else if (request.minorVersion === 1) {
      this.#framing = 'chunked'
    } else {
      // RFC 9112, 6.3 (8): HTTP/1.0 knows no other end than the connection's.
      this.#framing = 'close'
      this.#keepAlive = false
    }
  }

  onData(bytes: Buffer, start: number, end: number): boolean {
    const size = end - start
    if (size === 0 || this.#framing === 'none') return true
    if (this.#endsWithEvent) return this.#endWithin(bytes, start, end)
    const output = downstreamOutput
    output.begin(this.#transport)
    if (this.#framing !== 'length') this.#events.note(bytes, start, end)
    if (this.#framing === 'chunked') {
      output.reserve(size + chunkHeadBytesMax + 2)
      output.length = writeChunkHead(output.buffer, output.length, size)
      output.append(bytes, start, end)
      output.length = writeAscii(output.buffer, output.length, '\r\n')
    } else {
      if (this.#framing === 'length') {
        // More than was promised would be read as the beginning of the next response.
        if (size > this.#remaining) return this.#breakOff()
        this.#remaining -= size
      }
      output.append(bytes, start, end)
    }
    if (this.#exchange !== null) this.#exchange.responseBytes += size
    return !this.#transport.stalled
  }

  /**
   * Has a stream of server-sent events end, at once or where the event that is under way does; the client connects again by itself.
   * @returns whether this is one that can be ended so: not in a coding that hides where events end
   */
  endWithEvent(): boolean {
    const headers = this.#exchange?.response.headers
    if ((this.#framing !== 'chunked' && this.#framing !== 'close') || headers === undefined || !isEventStream(headers)) return false
    this.#endsWithEvent = true
    if (this.#events.isBetweenEvents) this.onEnd(null)
    return true
  }

  /** Writes what belongs to the event that is under way, and ends the body behind it; all of it when it does not end here. */
  #endWithin(bytes: Buffer, start: number, end: number): boolean {
    const eventEnd = this.#events.endWithin(bytes, start, end)
    this.#endsWithEvent = false
    const more = this.onData(bytes, start, eventEnd === -1 ? end : eventEnd)
    if (eventEnd === -1) {
      this.#endsWithEvent = true
      return more
    }
    this.onEnd(null)
    return false
  }

  onEnd(trailers: Headers | null): void {
    if (this.#framing === 'length' && this.#remaining > 0) {
      this.#breakOff()
      return
    }
    const output = downstreamOutput
    output.begin(this.#transport)
    if (this.#framing === 'chunked') {
      if (trailers === null) output.append(LAST_CHUNK, 0, LAST_CHUNK.length)
      else writeLastChunk(output, trailers)
    }
    output.flush()
    this.#owner.onResponseWritten(this.#keepAlive)
  }

  /** The message must not look whole: the connection is reset, also where only its end would delimit the body. */
  onError(_error: GatewayError): void {
    this.#breakOff()
  }

  flush(): void {
    downstreamOutput.begin(this.#transport)
    if (!downstreamOutput.flush()) this.#owner.onStalled()
  }

  #breakOff(): false {
    // What has been received before the fault is the client's, as it would be without a gateway.
    this.flush()
    this.#owner.onBrokenOff()
    return false
  }
}
