import { hash } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import type { Counter, Gauge, Logger } from '../../core/observe.ts'
import type { CompileContext } from '../../core/policy.ts'
import type { HttpAnswer, HttpClient, Resource } from '../../core/resources.ts'
import { type BoundKey, readKeySet } from './keys.ts'
import { isObject, type JsonObject, parseObject } from './strict-json.ts'

export interface RemoteKeysOptions {
  readonly url: string
  /** How long a set is used before it is fetched again; an answer's `max-age` may make it shorter. */
  readonly ttlMs: number
  /** Least time between two fetches that tokens ask for. */
  readonly gapMs: number
}

const TIMEOUT_MS = 5_000
const BYTES_MAX = 65_536
const KEYS_MAX = 100
/** A set is fetched again when this part of its time is over, beside the traffic. */
const REFRESH_AT = 0.8
/** First wait after a failure; it doubles up to `gapMs`. */
const RETRY_MS = 1_000

/** Sets differ in version over all of a process: one that is dropped and made again never looks like the one before. */
let versions = 0

/**
 * The keys behind a JWKS URL (RFC 7517, 5). Fetched when it is made, and then by use: ahead of its time in the background, and when a token names a
 * key that is not there. While the endpoint fails the last good set stays in use. A set that says there are no keys is believed.
 */
export class RemoteKeys implements Resource {
  readonly #options: RemoteKeysOptions
  readonly #http: HttpClient
  readonly #clock: Clock
  readonly #log: Logger
  readonly #metrics: { readonly success: Counter; readonly failure: Counter; readonly keys: Gauge }
  #keys: readonly BoundKey[] = []
  #fingerprint = ''
  #version = 0
  #failures = 0
  #startedAt = 0
  #retryAt = 0
  #refreshAt = 0
  #staleAt = 0
  #running: Promise<void> | null = null
  #closed = false

  constructor(options: RemoteKeysOptions, { http, clock, log, metrics }: CompileContext) {
    this.#options = options
    this.#http = http
    this.#clock = clock
    this.#log = log
    const { host } = new URL(options.url)
    const fetches = (result: string) => metrics.counter('gateway_jwks_refresh_total', 'Fetches of key sets by result.', { host, result })
    this.#metrics = {
      success: fetches('success'),
      failure: fetches('failure'),
      keys: metrics.gauge('gateway_jwks_keys', 'Keys in use of a key set, summed over the workers.', { host }),
    }
    this.#refreshAt = this.#staleAt = this.#startedAt = clock.now()
    this.#begin()
  }

  /** Another number when the keys are others; the same when they were fetched again and have not changed. */
  get version(): number {
    return this.#version
  }

  get keys(): readonly BoundKey[] {
    return this.#keys
  }

  /** Whether the keys may be used without waiting. Begins to fetch them again when that is due. */
  ready(): boolean {
    const now = this.#clock.now()
    if (now < this.#refreshAt) return true
    if (now >= this.#retryAt) this.#begin()
    // Past its time only because nobody asked, it is fetched first; past its time because the endpoint fails, it is what we have.
    return now < this.#staleAt || (this.#failures > 0 && this.#keys.length > 0)
  }

  /** Waits for a fetch that is under way. */
  async settled(): Promise<void> {
    await this.#running
  }

  /**
   * Fetches the keys again for a token that no key fits, unless that was done less than `gapMs` ago.
   * @param version the one that did not do
   * @returns whether the keys are now others
   */
  async refetch(kid: string | undefined, version: number): Promise<boolean> {
    if (this.#version !== version) return true
    if (kid !== undefined && this.#keys.some((key) => key.kid === kid)) return false
    if (this.#clock.now() - this.#startedAt >= this.#options.gapMs) this.#begin()
    await this.#running
    return this.#version !== version
  }

  close(): void {
    this.#closed = true
  }

  /** One fetch at a time: whoever needs it waits for the same. */
  #begin(): void {
    if (this.#running !== null || this.#closed) return
    this.#startedAt = this.#clock.now()
    this.#running = this.#refresh()
  }

  /** Never rejects. */
  async #refresh(): Promise<void> {
    try {
      this.#take(await this.#http.get(this.#options.url, REQUEST))
      this.#failures = 0
      this.#metrics.success.add(1)
    } catch (error) {
      this.#retryAt = this.#clock.now() + Math.min(this.#options.gapMs, RETRY_MS * 2 ** Math.min(this.#failures, 20))
      this.#failures++
      this.#metrics.failure.add(1)
      const inUse = this.#keys.length > 0 ? 'the last good keys stay in use' : 'no token can be checked with them yet'
      this.#log.warn({ url: this.#shownUrl(), failures: this.#failures, reason: reasonOf(error) }, `key set not fetched: ${inUse}`)
    } finally {
      this.#running = null
    }
  }

  #take(answer: HttpAnswer): void {
    const { keys, unused } = readKeySet(entriesOf(answer), { secrets: false })
    const { ttlMs, gapMs } = this.#options
    const lifeMs = Math.min(ttlMs, Math.max(gapMs, maxAgeMs(answer) ?? ttlMs))
    const now = this.#clock.now()
    this.#refreshAt = now + lifeMs * REFRESH_AT
    this.#staleAt = now + lifeMs
    const fingerprint = fingerprintOf(keys)
    if (fingerprint === this.#fingerprint && this.#version !== 0) return
    this.#fingerprint = fingerprint
    this.#keys = keys
    this.#version = ++versions
    this.#metrics.keys.set(keys.length)
    const fields = { url: this.#shownUrl(), keys: keys.map(({ kid }) => kid), unused }
    if (keys.length === 0) this.#log.warn(fields, 'the key set has no key that can be used: no token can be checked with it')
    else this.#log.info(fields, 'key set changed')
  }

  #shownUrl(): string {
    const { origin, pathname } = new URL(this.#options.url)
    return origin + pathname
  }
}

const REQUEST = { timeoutMs: TIMEOUT_MS, bytesMax: BYTES_MAX, headers: { accept: 'application/jwk-set+json, application/json' } }

function entriesOf({ status, text }: HttpAnswer): readonly JsonObject[] {
  if (status !== 200) throw new Error(`the answer has status ${status}`)
  const entries = parseObject(text)?.['keys']
  if (!Array.isArray(entries)) throw new Error('the answer is no JWK Set: an object with a list of `keys`')
  if (entries.length > KEYS_MAX) throw new Error(`the set has more than ${KEYS_MAX} keys`)
  return entries.filter(isObject)
}

function fingerprintOf(keys: readonly BoundKey[]): string {
  const parts = keys.map(({ kid, algorithms, key }) => [kid, [...algorithms], key.export({ format: 'jwk' })])
  return hash('sha256', JSON.stringify(parts))
}

/** `max-age` of Cache-Control (RFC 9111, 5.2.2.1). */
function maxAgeMs(answer: HttpAnswer): number | null {
  const seconds = /(?:^|[\s,])max-age="?(\d{1,9})/i.exec(answer.header('cache-control') ?? '')?.[1]
  return seconds === undefined ? null : Number(seconds) * 1_000
}

/** Node's fetch says why only in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
