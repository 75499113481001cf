import { hash, randomBytes } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import { GatewayError } from '../../core/errors.ts'
import type { Headers } from '../../core/headers.ts'
import type { Resource } from '../../core/resources.ts'
import { decodeResponse, encodeResponse } from '../../core/response-codec.ts'
import {
  joinVary,
  type Purge,
  type ResponseKey,
  type ResponseLookup,
  type ResponseStore,
  type StoredResponse,
  varyValues,
} from '../../core/response-store.ts'
import { type RedisConnection, scriptOf } from './connection.ts'
import { PurgeLog, type PurgeVersion } from './purge-log.ts'

/** An answer that took longer since its look-up is not kept; what an invalidation leaves behind lives a little longer. */
const FETCH_MAX_MS = 110_000
const INVALIDATED_MS = 120_000
const VALUE_BYTES_MAX = 32 * 2 ** 20
/** URIs whose Vary is remembered, to ask for the right response at once. */
const VARIES_MAX = 10_000

/** A stamp is a letter and 16 hexadecimal digits: `n` made by a response that was kept, `t` by an invalidation. */
const STAMP_LENGTH = 17
const STAMP_BYTES = 8
/** Of a value before its response: stamp of the URI, an id of the value's own, name of the purge log and the number of its last purge then. */
const ID_BYTES = 8
const LOG_LENGTH = 16
const HEAD_BYTES = STAMP_LENGTH + ID_BYTES + LOG_LENGTH + 8

/**
 * Keeps a response, unless its URI was invalidated since the look-up, or its responses are told apart by other names meanwhile.
 * KEYS are the URI and the response; ARGV the stamp that was seen, one for a URI that has none, the names that were seen and those that
 * count from now on, the lifetime, and the value without its stamp. A URI outlives all its responses.
 */
const PUT = scriptOf(`
local uri = redis.call('GET', KEYS[1])
local stamp = ARGV[2]
if uri then
  stamp = string.sub(uri, 1, ${STAMP_LENGTH})
  local names = string.sub(uri, ${STAMP_LENGTH + 1})
  if stamp ~= ARGV[1] and string.sub(stamp, 1, 1) == 't' then return 0 end
  if names ~= ARGV[3] and names ~= ARGV[4] then return 0 end
end
redis.call('SET', KEYS[2], stamp .. ARGV[6], 'PX', ARGV[5])
redis.call('SET', KEYS[1], stamp .. ARGV[4], 'PX', math.max(ARGV[5], redis.call('PTTL', KEYS[1])))
return 1
`)

/** Deletes a value that begins like this. */
const REMOVE = scriptOf(`
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`)

/** What Redis has of a URI. */
interface Uri {
  /** Empty for none. */
  readonly stamp: string
  readonly vary: readonly string[]
}

/** A value that was found, still to be held against the purge log. */
interface Found {
  readonly valueKey: string
  readonly head: Buffer
  readonly version: PurgeVersion
  readonly response: StoredResponse
}

const NO_URI: Uri = { stamp: '', vary: [] }

/**
 * Responses in Redis, one value each, with its own time to live. A second value for each URI has a stamp, which its responses must bear, and
 * the names they are told apart by: one value to replace, and all responses of a URI are gone. Purges of more are in a log, which every
 * look-up asks what was last: see {@link PurgeLog}.
 */
export class RedisResponses implements ResponseStore, Resource {
  readonly #connection: RedisConnection
  readonly #keyPrefix: string
  readonly #clock: Clock
  readonly #log: PurgeLog
  /** By the URI's key; those without any are not in it. */
  readonly #varies = new Map<string, readonly string[]>()

  constructor(connection: RedisConnection, keyPrefix: string, clock: Clock) {
    this.#connection = connection
    this.#keyPrefix = keyPrefix
    this.#clock = clock
    this.#log = new PurgeLog(connection, keyPrefix, clock)
  }

  async lookup(key: ResponseKey, headers: Headers): Promise<RedisLookup> {
    const startedAt = this.#clock.now()
    try {
      const uriKey = this.#uriKey(key.host, key.path, key.query)
      const [version, [uri, found]] = await Promise.all([this.#log.version(), this.#find(uriKey, key.part, headers)])
      const isThere = found !== null && !(await this.#log.isPurged(found.version, version, key, found.response.tags))
      return new RedisLookup(this, { key, uriKey, uri, version, startedAt, found: isThere ? found : null })
    } catch (error) {
      throw unavailable(error)
    }
  }

  /** Asks for the response by the names that are remembered, and again where they are others by now. */
  async #find(uriKey: string, part: string, headers: Headers): Promise<readonly [Uri, Found | null]> {
    let vary = this.#varies.get(uriKey) ?? []
    let uri = NO_URI
    for (let i = 0; i < 2; i++) {
      const valueKey = valueKeyOf(uriKey, part, vary, headers)
      const [uriValue = null, value = null] = await this.#connection.getBytes([uriKey, valueKey])
      if (uriValue === null) return [NO_URI, null]
      uri = readUri(uriValue)
      if (sameNames(uri.vary, vary)) return [uri, value === null ? null : this.#readValue(uri, valueKey, value)]
      vary = uri.vary
      this.#remember(uriKey, vary)
    }
    return [uri, null]
  }

  #readValue({ stamp }: Uri, valueKey: string, value: Buffer): Found | null {
    if (value.length < HEAD_BYTES || value.latin1Slice(0, STAMP_LENGTH) !== stamp) return null
    const response = decodeResponse(value.subarray(HEAD_BYTES))
    if (response === null || response.keepUntilMs <= this.#clock.epochMs()) return null
    const log = value.latin1Slice(STAMP_LENGTH + ID_BYTES, HEAD_BYTES - 8)
    return { valueKey, head: value.subarray(0, HEAD_BYTES), version: { log, number: value.readDoubleBE(HEAD_BYTES - 8) }, response }
  }

  #remember(uriKey: string, vary: readonly string[]): void {
    this.#varies.delete(uriKey)
    if (vary.length === 0) return
    this.#varies.set(uriKey, vary)
    if (this.#varies.size <= VARIES_MAX) return
    const [oldest] = this.#varies.keys()
    if (oldest !== undefined) this.#varies.delete(oldest)
  }

  /** For {@link RedisLookup.put}. */
  async keep({ key, uriKey, uri, version, startedAt }: LookupState, response: StoredResponse, headers: Headers): Promise<boolean> {
    const ttlMs = Math.ceil(response.keepUntilMs - this.#clock.epochMs())
    if (ttlMs < 1 || this.#clock.now() - startedAt > FETCH_MAX_MS) return false
    const vary = joinVary(uri.vary, response.vary)
    const value = encodeResponse(response)
    if (value.length > VALUE_BYTES_MAX) return false
    const keys = [uriKey, valueKeyOf(uriKey, key.part, vary, headers)]
    const stamp = `n${randomBytes(STAMP_BYTES).toString('hex')}`
    const args = [uri.stamp, stamp, uri.vary.join(), vary.join(), `${ttlMs}`, Buffer.concat([valueHead(version), value])]
    try {
      // Whoever finds it would see that it was purged, too. So this may be answered before the purge, or after.
      if (await this.#log.isPurged(version, await this.#log.version(), key, response.tags)) return false
      const isKept = (await this.#connection.evaluate(PUT, keys, args)) === 1
      if (isKept) this.#remember(uriKey, vary)
      return isKept
    } catch (error) {
      throw unavailable(error)
    }
  }

  /** For {@link RedisLookup.remove}. */
  async forget({ found }: LookupState): Promise<void> {
    if (found !== null) await this.#connection.evaluate(REMOVE, [found.valueKey], [found.head]).catch(rethrow)
  }

  async invalidate(host: string, path: string, query: string): Promise<void> {
    const stamp = `t${randomBytes(STAMP_BYTES).toString('hex')}`
    await this.#connection.set(this.#uriKey(host, path, query), stamp, INVALIDATED_MS).catch(rethrow)
  }

  async purge(purge: Purge): Promise<void> {
    if (purge.kind === 'key') return this.invalidate(purge.host, purge.path, purge.query)
    await (purge.kind === 'all' ? this.#log.renew() : this.#log.append(purge)).catch(rethrow)
  }

  /** The connection is a resource of its own. */
  close(): void {
    this.#varies.clear()
  }

  /** In a cluster the responses of a URI lie on one node, which the part in braces decides. */
  #uriKey(host: string, path: string, query: string): string {
    return `${this.#keyPrefix}response:{${hash('sha256', JSON.stringify([host, path, query]), 'base64url')}}`
  }
}

/** What a look-up remembers. */
interface LookupState {
  readonly key: ResponseKey
  readonly uriKey: string
  readonly uri: Uri
  readonly version: PurgeVersion
  /** Milliseconds of the clock. */
  readonly startedAt: number
  readonly found: Found | null
}

class RedisLookup implements ResponseLookup {
  readonly response: StoredResponse | null
  readonly #store: RedisResponses
  readonly #state: LookupState

  constructor(store: RedisResponses, state: LookupState) {
    this.response = state.found?.response ?? null
    this.#store = store
    this.#state = state
  }

  put(response: StoredResponse, headers: Headers): Promise<boolean> {
    return this.#store.keep(this.#state, response, headers)
  }

  remove(): Promise<void> {
    return this.#store.forget(this.#state)
  }
}

/** With the names: others may have the same values. */
function valueKeyOf(uriKey: string, part: string, vary: readonly string[], headers: Headers): string {
  const text = vary.length === 0 ? part : `${vary.join()}\n${varyValues(vary, headers)}\n${part}`
  return `${uriKey}:${hash('sha256', text, 'base64url')}`
}

function readUri(value: Buffer): Uri {
  const text = value.toString('latin1')
  const names = text.slice(STAMP_LENGTH)
  return { stamp: text.slice(0, STAMP_LENGTH), vary: names === '' ? [] : names.split(',') }
}

/** All of a value's head but the stamp, which the script puts before it. */
function valueHead({ log, number }: PurgeVersion): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES - STAMP_LENGTH)
  randomBytes(ID_BYTES).copy(head)
  head.latin1Write(log, ID_BYTES)
  head.writeDoubleBE(number, ID_BYTES + LOG_LENGTH)
  return head
}

function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, i) => name === other[i])
}

function unavailable(error: unknown): GatewayError {
  return new GatewayError('store_unavailable', error instanceof Error ? error.message : String(error), 'internal', 'never', error)
}

function rethrow(error: unknown): never {
  throw unavailable(error)
}
