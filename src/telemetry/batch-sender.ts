import type { IncomingMessage, RequestOptions } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { nodeHttp, nodeHttps } from '../core/lazy-builtins.ts'
import type { HttpReceiver } from '../core/log-settings.ts'
import type { Logger } from '../core/observe.ts'

const compress = promisify(gzip)

/** How the entries of a batch become a body. */
export interface BatchFormat {
  readonly contentType: string
  readonly prefix: string
  readonly separator: string
  readonly suffix: string
  /** `POST` unless given. */
  readonly method?: 'POST' | 'PUT' | 'PATCH'
  /** Entries in one body; a batch is sent when so many wait. No bound unless given. */
  readonly entriesMax?: number
  /** Says of the body of a 2xx answer how many entries were refused after all. */
  readonly refused?: (answer: string) => number
}

export interface BatchSenderParts {
  readonly format: BatchFormat
  /** What is sent, for the event log: `the access log`. */
  readonly what: string
  /** Null where nobody is told. */
  readonly log: Logger | null
}

interface Entry {
  /** Off the heap: a text made of many pieces would keep all of them alive for as long as it waits. */
  readonly bytes: Buffer
  /** How many lines or spans it is. */
  readonly count: number
}

/** A receiver that answers 5xx to one batch for ever must not keep all others from being sent. */
const TRIES_MAX = 10
const BACKOFF_FIRST_MS = 250
const BACKOFF_MAX_MS = 30_000
/** Longest wait that a receiver may ask for. */
const RETRY_AFTER_MAX_MS = 60_000
const ANSWER_BYTES_MAX = 64 * 1024

/** What became of one request. */
type Answer =
  | { readonly kind: 'taken' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'later'; readonly reason: string; readonly afterMs: number | null }

/**
 * Sends what it is given to an HTTP server, in batches, one request at a time and off the path of requests.
 *
 * What waits is bounded; what finds no room is dropped and counted. A receiver that cannot be reached or is busy is asked again with growing
 * waits; one that refuses a batch has it dropped. An answer that was lost has a batch sent twice.
 */
export class BatchSender {
  /** Entries that were lost. */
  dropped = 0
  readonly #receiver: HttpReceiver
  readonly #parts: BatchSenderParts
  readonly #wake = () => this.#send()
  #waiting: Entry[] = []
  #waitingBytes = 0
  #sendingBytes = 0
  #timer: NodeJS.Timeout | null = null
  #isSending = false
  #sending: Promise<void> = Promise.resolve()
  #isFailing = false
  #closed = false
  /** The time of {@link close} is over. */
  #gaveUp = false
  #endWait: (() => void) | null = null
  #abortRequest: (() => void) | null = null
  #onIdle: (() => void) | null = null

  constructor(receiver: HttpReceiver, parts: BatchSenderParts) {
    this.#receiver = receiver
    this.#parts = parts
  }

  /** Takes ASCII text that holds `count` entries. */
  add(text: string, count: number): void {
    const { queueBytesMax, intervalMs } = this.#receiver
    if (this.#closed || this.#waitingBytes + this.#sendingBytes + text.length > queueBytesMax) {
      this.dropped += count
      return
    }
    this.#waiting.push({ bytes: Buffer.from(text, 'latin1'), count })
    this.#waitingBytes += text.length
    if (this.#isSending) return
    if (this.#isFull) this.#send()
    else this.#timer ??= setTimeout(this.#wake, intervalMs).unref()
  }

  /** Sends what is left, for at most `timeoutMs`; then drops it. */
  async close(timeoutMs: number): Promise<void> {
    this.#closed = true
    if (this.#isSending || this.#waiting.length > 0) {
      const idle = Promise.withResolvers<void>()
      this.#onIdle = idle.resolve
      const timer = setTimeout(idle.resolve, timeoutMs)
      if (!this.#isSending) this.#send()
      this.#endWait?.()
      await idle.promise
      clearTimeout(timer)
      this.#onIdle = null
    }
    this.#gaveUp = true
    for (const { count } of this.#waiting.splice(0)) this.dropped += count
    this.#waitingBytes = 0
    this.#endWait?.()
    this.#abortRequest?.()
    // What was on its way is counted before anybody asks what was lost.
    await this.#sending
  }

  #send(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#isSending || this.#waiting.length === 0) return
    this.#isSending = true
    this.#sending = this.#sendAll().finally(() => {
      this.#isSending = false
      this.#onIdle?.()
      if (this.#waiting.length > 0 && !this.#closed) this.#timer ??= setTimeout(this.#wake, this.#receiver.intervalMs).unref()
    })
  }

  get #entriesMax(): number {
    return this.#parts.format.entriesMax ?? Number.POSITIVE_INFINITY
  }

  /** While a full batch waits, or the end has come. */
  async #sendAll(): Promise<void> {
    do {
      const batch = this.#take()
      // A rejection would be an unhandled one, which ends the process.
      const isTaken = await this.#deliver(batch.body).catch(() => false)
      if (!isTaken) this.dropped += batch.count
      this.#sendingBytes = 0
    } while (this.#waiting.length > 0 && (this.#isFull || this.#closed))
  }

  get #isFull(): boolean {
    return this.#waitingBytes >= this.#receiver.batchBytesMax || this.#waiting.length >= this.#entriesMax
  }

  #take(): { readonly body: Buffer; readonly count: number } {
    const { batchBytesMax } = this.#receiver
    const { prefix, separator, suffix } = this.#parts.format
    const parts: Buffer[] = [Buffer.from(prefix, 'latin1')]
    const between = Buffer.from(separator, 'latin1')
    let taken = 0
    let bytes = 0
    let count = 0
    for (const entry of this.#waiting) {
      if (taken > 0 && (taken >= this.#entriesMax || bytes + entry.bytes.length > batchBytesMax)) break
      if (taken > 0) parts.push(between)
      parts.push(entry.bytes)
      taken++
      bytes += entry.bytes.length
      count += entry.count
    }
    this.#waiting.splice(0, taken)
    this.#waitingBytes -= bytes
    this.#sendingBytes = bytes
    return { body: Buffer.concat([...parts, Buffer.from(suffix, 'latin1')]), count }
  }

  /** @returns whether the batch was taken. */
  async #deliver(plain: Buffer): Promise<boolean> {
    const body = this.#receiver.gzip ? await compress(plain) : plain
    let backoffMs = BACKOFF_FIRST_MS
    for (let tries = 1; !this.#gaveUp; tries++) {
      const answer = await this.#post(body)
      if (answer.kind === 'taken') {
        if (this.#isFailing) this.#parts.log?.info({}, `the receiver of ${this.#parts.what} takes it again`)
        this.#isFailing = false
        return true
      }
      if (answer.kind === 'refused') return false
      this.#tellFailing(answer.reason)
      if (tries === TRIES_MAX) return false
      // Jitter, so that workers do not come back all at once.
      await this.#wait(answer.afterMs ?? backoffMs * (0.5 + Math.random() / 2))
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)
    }
    return false
  }

  #tellFailing(reason: string): void {
    if (!this.#isFailing) this.#parts.log?.warn({ reason }, `the receiver of ${this.#parts.what} does not take it`)
    this.#isFailing = true
  }

  async #wait(ms: number): Promise<void> {
    if (this.#gaveUp) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#endWait = resolve
    const timer = setTimeout(resolve, ms).unref()
    await promise
    clearTimeout(timer)
    this.#endWait = null
  }

  #post(body: Buffer): Promise<Answer> {
    const { url, headers, gzip: isCompressed, ca, timeoutMs } = this.#receiver
    const options: RequestOptions & { ca?: string } = {
      method: this.#parts.format.method ?? 'POST',
      headers: {
        ...Object.fromEntries(headers),
        'Content-Type': this.#parts.format.contentType,
        'Content-Length': body.length,
        ...(isCompressed && { 'Content-Encoding': 'gzip' }),
      },
      ...(ca !== null && { ca }),
    }
    const { promise, resolve } = Promise.withResolvers<Answer>()
    const later = (reason: string): void => resolve({ kind: 'later', reason, afterMs: null })
    const request = (url.startsWith('https:') ? nodeHttps() : nodeHttp()).request(url, options)
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs).unref()
    this.#abortRequest = () => request.destroy(new Error('given up'))
    request.on('response', (response) => this.#judge(response, resolve))
    request.on('error', (error) => later(error.message))
    // After an answer that broke off; a promise takes only the first word.
    request.on('close', () => later('the connection closed'))
    request.end(body)
    return promise.finally(() => {
      clearTimeout(timer)
      this.#abortRequest = null
    })
  }

  #judge(response: IncomingMessage, resolve: (answer: Answer) => void): void {
    const status = response.statusCode ?? 0
    let text = ''
    response.setEncoding('latin1')
    response.on('data', (chunk: string) => {
      if (text.length < ANSWER_BYTES_MAX) text += chunk
      else response.destroy()
    })
    response.on('error', () => {})
    response.on('end', () => {
      if (status >= 200 && status < 300) {
        this.dropped += this.#parts.format.refused?.(text) ?? 0
        return resolve({ kind: 'taken' })
      }
      const reason = `it answers ${status}`
      if (status === 408 || status === 429 || status >= 500) {
        const seconds = Number(response.headers['retry-after'])
        return resolve({ kind: 'later', reason, afterMs: seconds >= 0 ? Math.min(seconds * 1_000, RETRY_AFTER_MAX_MS) : null })
      }
      this.#tellFailing(reason)
      resolve({ kind: 'refused' })
    })
  }
}
