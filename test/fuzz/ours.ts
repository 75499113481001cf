/** Our own parsers, driven as the connections drive them: over whole input, and over input that comes in pieces. */
import type { BodySink } from '../../src/core/body.ts'
import { RequestHead } from '../../src/core/exchange.ts'
import { Headers } from '../../src/core/headers.ts'
import { DEFAULT_LIMITS } from '../../src/core/limits.ts'
import { ChunkedDecoder } from '../../src/http/h1/chunked.ts'
import { type BodyFraming, Framing, frameRequest, frameResponse } from '../../src/http/h1/framing.ts'
import { HeadReader } from '../../src/http/h1/head-reader.ts'
import {
  INCOMPLETE,
  METHOD_TOO_LONG,
  parseRequestHead,
  parseResponseHead,
  RequestLine,
  StatusLine,
  VERSION_NOT_SUPPORTED,
} from '../../src/http/h1/parser.ts'
import { methodAt, readTarget } from '../../src/http/h1/request-target.ts'
import type { Message, Outcome } from './outcome.ts'

/** What the reader calls the parser's faults that may come up below every limit. */
const FAULTS: ReadonlyMap<number, string> = new Map([
  [METHOD_TOO_LONG, 'method_not_supported'],
  [VERSION_NOT_SUPPORTED, 'http_version_not_supported'],
])
const HEAD_END = Buffer.from('\r\n\r\n')
const NO_FIELDS: readonly string[] = []

/** Reads bodies into messages. */
class BodyReader implements BodySink {
  readonly #decoder = new ChunkedDecoder()
  #message: Message | null = null
  #framing: BodyFraming = 'none'
  #left = 0

  /** @returns whether there is a body to come */
  begin(message: Message, framing: Framing): boolean {
    this.#message = message
    this.#framing = framing.body
    this.#left = framing.contentLength
    if (framing.body === 'chunked') this.#decoder.reset()
    if (framing.body === 'none') message.complete = true
    return !message.complete
  }

  /** Takes what belongs to the body. @returns the offset behind it, or -1 for a broken one */
  take(bytes: Buffer, start: number, end: number): number {
    const message = this.#message
    if (message === null) return start
    if (this.#framing === 'chunked') {
      const at = this.#decoder.decode(bytes, start, end, this)
      if (at !== -1 && this.#decoder.done) {
        message.complete = true
        const trailers = this.#decoder.trailers()
        if (trailers !== null) message.trailers = flat(trailers)
      }
      return at
    }
    const stop = this.#framing === 'close' ? end : Math.min(end, start + this.#left)
    this.onData(bytes, start, stop)
    this.#left -= stop - start
    if (this.#framing === 'length') message.complete = this.#left === 0
    return stop
  }

  /** The peer has closed its side. */
  end(): void {
    if (this.#message !== null && this.#framing === 'close') this.#message.complete = true
  }

  onData(bytes: Buffer, start: number, end: number): boolean {
    if (this.#message !== null) this.#message.body += bytes.latin1Slice(start, end)
    return true
  }

  onEnd(): void {}
  onError(): void {}
  flush(): void {}
}

function flat(headers: Headers): string[] {
  const fields: string[] = []
  headers.forEach((name, value) => {
    fields.push(name, value)
  })
  return fields
}

/** The request side. The fields of {@link readWhole} are all that were received, those of {@link readPieces} what is forwarded. */
export class RequestParser {
  readonly #head = new RequestHead()
  readonly #reader = new HeadReader(this.#head)
  readonly #wholeHead = new RequestHead()
  readonly #line = new RequestLine()
  readonly #framing = new Framing()
  readonly #body = new BodyReader()
  readonly #piece = Buffer.alloc(8192)
  /** What {@link readWhole} would forward of each message, to compare with what {@link readPieces} did. */
  forwarded: (readonly string[])[] = []

  /** Reads input that is there as a whole with the parsing functions themselves. */
  readWhole(bytes: Buffer): Outcome {
    const outcome: Outcome = { messages: [], fault: null, pending: null, closed: false }
    const head = this.#wholeHead
    this.forwarded = []
    let at = 0
    let inBody = false
    while (at < bytes.length) {
      if (!inBody) {
        const result = parseRequestHead(bytes, at, bytes.length, DEFAULT_LIMITS, this.#line, head.headers)
        if (result === INCOMPLETE) return outcome
        if (result < 0) return fail(outcome, FAULTS.get(result) ?? 'request_malformed')
        at = result
        const fields = flat(head.headers)
        const line = this.#line
        head.method = methodAt(bytes, line.methodStart, line.methodEnd)
        head.target = bytes.latin1Slice(line.targetStart, line.targetEnd)
        head.minorVersion = line.minorVersion
        head.authority = ''
        head.expectsContinue = false
        const fault = frameRequest(head, this.#framing) ?? readTarget(head)
        if (fault !== null) return fail(outcome, fault)
        this.forwarded.push(flat(head.headers))
        inBody = this.#accept(outcome, head, this.#framing, fields)
      } else {
        at = this.#body.take(bytes, at, bytes.length)
        if (at === -1) return fail(outcome, 'request_malformed')
        inBody = outcome.messages.at(-1)?.complete !== true
      }
      if (!inBody && isLast(outcome)) return outcome
    }
    return outcome
  }

  /**
   * Reads input that comes in pieces, with the reader that connections use. It is the same reader for all inputs, so that its memory of
   * the last head is tried too; and every piece overwrites the one before, as a receive buffer does.
   */
  readPieces(bytes: Buffer, ends: readonly number[]): Outcome {
    const outcome: Outcome = { messages: [], fault: null, pending: null, closed: false }
    const reader = this.#reader
    if (!reader.isEmpty) reader.describePartial()
    let inBody = false
    let from = 0
    for (const to of ends) {
      const end = bytes.copy(this.#piece, 0, from, to)
      from = to
      for (let at = 0; at < end; ) {
        if (!inBody) {
          at = reader.read(this.#piece, at, end, DEFAULT_LIMITS)
          if (reader.fault !== null) return fail(outcome, reader.fault)
          if (at === HeadReader.INCOMPLETE) break
          inBody = this.#accept(outcome, this.#head, reader.framing, flat(this.#head.headers))
        } else {
          at = this.#body.take(this.#piece, at, end)
          if (at === -1) return fail(outcome, 'request_malformed')
          inBody = outcome.messages.at(-1)?.complete !== true
        }
        if (!inBody && isLast(outcome)) return outcome
      }
    }
    if (!reader.isEmpty) {
      reader.read(HEAD_END, 0, HEAD_END.length, DEFAULT_LIMITS)
      outcome.pending = reader.fault
    }
    return outcome
  }

  #accept(outcome: Outcome, head: RequestHead, framing: Framing, fields: readonly string[]): boolean {
    const message: Message = {
      subject: head.method,
      target: head.target,
      minorVersion: head.minorVersion,
      fields,
      keepAlive: framing.keepAlive,
      upgrade: framing.body === 'none' && framing.upgrade !== '',
      body: '',
      trailers: NO_FIELDS,
      complete: false,
    }
    outcome.messages.push(message)
    return this.#body.begin(message, framing)
  }
}

/** The response side. */
export class ResponseParser {
  readonly #headers = new Headers()
  readonly #line = new StatusLine()
  readonly #framing = new Framing()
  readonly #body = new BodyReader()

  /** Reads the whole of what a server sent before it closed, in answer to requests of one method. */
  read(bytes: Buffer, requestMethod: string): Outcome {
    const outcome: Outcome = { messages: [], fault: null, pending: null, closed: false }
    const line = this.#line
    let at = 0
    let inBody = false
    while (at < bytes.length) {
      if (!inBody) {
        const result = parseResponseHead(bytes, at, bytes.length, DEFAULT_LIMITS, line, this.#headers)
        if (result === INCOMPLETE) return outcome
        if (result < 0) return fail(outcome, 'upstream_response_malformed')
        at = result
        const fields = flat(this.#headers)
        if (!frameResponse(this.#headers, line.status, line.minorVersion, requestMethod, this.#framing)) {
          return fail(outcome, 'upstream_response_malformed')
        }
        // Nothing in these inputs asked for another protocol; a connection refuses a 101 that nobody asked for.
        if (line.status === 101 && this.#framing.upgrade === '') return fail(outcome, 'upstream_response_malformed')
        const message: Message = {
          subject: String(line.status),
          target: '',
          minorVersion: line.minorVersion,
          fields,
          keepAlive: this.#framing.keepAlive,
          upgrade: line.status === 101,
          body: '',
          trailers: NO_FIELDS,
          complete: false,
        }
        outcome.messages.push(message)
        inBody = this.#body.begin(message, this.#framing)
      } else {
        at = this.#body.take(bytes, at, bytes.length)
        if (at === -1) return fail(outcome, 'upstream_response_malformed')
        inBody = outcome.messages.at(-1)?.complete !== true
      }
      if (!inBody && isLast(outcome)) return outcome
    }
    if (inBody) this.#body.end()
    return outcome
  }
}

function fail(outcome: Outcome, fault: string): Outcome {
  outcome.fault = fault
  return outcome
}

/** Whether no message can follow the last one: its connection ends, or speaks another protocol from here on. */
function isLast(outcome: Outcome): boolean {
  const last = outcome.messages.at(-1)
  outcome.closed = last !== undefined && (last.keepAlive !== true || last.upgrade)
  return outcome.closed
}
