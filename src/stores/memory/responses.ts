import type { Clock } from '../../core/clock.ts'
import type { Headers } from '../../core/headers.ts'
import type { Counter, Gauge, Metrics } from '../../core/observe.ts'
import type { Resource } from '../../core/resources.ts'
import {
  isPurgedBy,
  joinVary,
  type Purge,
  type ResponseKey,
  type ResponseLookup,
  type ResponseStore,
  type StoredResponse,
  varyValues,
} from '../../core/response-store.ts'
import { LeastRecent, type Ranked } from './least-recent.ts'
import { PurgeRecord } from './purge-record.ts'

/** What an entry takes beside its bytes: two maps' slots, the objects, and the block of its head. */
const ENTRY_OVERHEAD_BYTES = 1_024

/** All responses of one URI. */
interface Uri {
  /** As in the table. */
  readonly text: string
  readonly key: ResponseKey
  vary: readonly string[]
  /** By the key's part, and what the request has under the names in {@link vary}. */
  readonly entries: Map<string, Entry>
}

interface Entry extends Ranked<Entry> {
  readonly uri: Uri
  readonly variant: string
  readonly response: StoredResponse
  readonly costBytes: number
}

/** Responses in this worker's memory, bounded in bytes; the one that was not asked for the longest makes room. */
export class MemoryResponses implements ResponseStore, Resource {
  readonly #bytesMax: number
  readonly #clock: Clock
  readonly #uris = new Map<string, Uri>()
  readonly #recent = new LeastRecent<Entry>()
  readonly #purges = new PurgeRecord()
  readonly #bytesGauge: Gauge
  readonly #entriesGauge: Gauge
  readonly #evicted: Counter
  #bytes = 0

  constructor(bytesMax: number, clock: Clock, metrics: Metrics) {
    this.#bytesMax = bytesMax
    this.#clock = clock
    this.#bytesGauge = metrics.gauge(
      'gateway_cache_bytes',
      'Bytes that responses kept in memory take, with what it takes to find them.',
      {},
    )
    this.#entriesGauge = metrics.gauge('gateway_cache_entries', 'Responses kept in memory.', {})
    this.#evicted = metrics.counter('gateway_cache_evicted_total', 'Responses that were dropped from memory to make room for others.', {})
  }

  lookup(key: ResponseKey, headers: Headers): MemoryLookup {
    return new MemoryLookup(this, key, this.#find(key, headers), this.#purges.version)
  }

  #find(key: ResponseKey, headers: Headers): Entry | null {
    const uri = this.#uris.get(uriText(key.host, key.path, key.query))
    if (uri === undefined) return null
    const entry = uri.entries.get(variantText(key.part, uri.vary, headers))
    if (entry === undefined) return null
    if (entry.response.keepUntilMs <= this.#clock.epochMs()) {
      this.forget(entry)
      return null
    }
    this.#recent.touch(entry)
    return entry
  }

  /** @param version of the purges at the look-up */
  keep(key: ResponseKey, response: StoredResponse, headers: Headers, version: number): boolean {
    const text = uriText(key.host, key.path, key.query)
    const uri = this.#uris.get(text) ?? { text, key, vary: [], entries: new Map<string, Entry>() }
    const vary = joinVary(uri.vary, response.vary)
    const variant = variantText(key.part, vary, headers)
    const costBytes = costOf(text, variant, response)
    if (costBytes > this.#bytesMax || this.#purges.isPurgedSince(version, text, key, response.tags)) return false
    // Under the new names, what is there would not be found again.
    if (vary !== uri.vary) for (const entry of uri.entries.values()) this.forget(entry)
    uri.vary = vary
    const known = uri.entries.get(variant)
    if (known !== undefined) this.forget(known)
    this.#makeRoom(costBytes)
    this.#uris.set(text, uri)
    const entry: Entry = { uri, variant, response, costBytes, newer: null, older: null }
    uri.entries.set(variant, entry)
    this.#recent.add(entry)
    this.#account(costBytes, 1)
    return true
  }

  #makeRoom(bytes: number): void {
    while (this.#bytes + bytes > this.#bytesMax) {
      const oldest = this.#recent.oldest
      if (oldest === null) return
      this.forget(oldest)
      this.#evicted.add(1)
    }
  }

  /** Harmless for an entry that is gone already. */
  forget(entry: Entry): void {
    const { uri, variant } = entry
    if (uri.entries.get(variant) !== entry) return
    uri.entries.delete(variant)
    if (uri.entries.size === 0) this.#uris.delete(uri.text)
    this.#recent.remove(entry)
    this.#account(-entry.costBytes, -1)
  }

  #account(bytes: number, entries: number): void {
    this.#bytes += bytes
    this.#bytesGauge.add(bytes)
    this.#entriesGauge.add(entries)
  }

  invalidate(host: string, path: string, query: string): void {
    const text = uriText(host, path, query)
    this.#purges.noteUri(text)
    const uri = this.#uris.get(text)
    if (uri !== undefined) for (const entry of uri.entries.values()) this.forget(entry)
  }

  /** Walks over all there is, unless it is one URI: about 5 ms for 64 MiB of small responses. */
  purge(purge: Purge): void {
    if (purge.kind === 'key') return this.invalidate(purge.host, purge.path, purge.query)
    this.#purges.note(purge)
    for (const { key, entries } of this.#uris.values()) {
      for (const entry of entries.values()) if (isPurgedBy(purge, key, entry.response.tags)) this.forget(entry)
    }
  }

  /** No configuration has a cache any more. */
  close(): void {
    this.purge({ kind: 'all' })
  }
}

class MemoryLookup implements ResponseLookup {
  readonly response: StoredResponse | null
  readonly #store: MemoryResponses
  readonly #key: ResponseKey
  readonly #entry: Entry | null
  readonly #version: number

  constructor(store: MemoryResponses, key: ResponseKey, entry: Entry | null, version: number) {
    this.response = entry === null ? null : entry.response
    this.#store = store
    this.#key = key
    this.#entry = entry
    this.#version = version
  }

  put(response: StoredResponse, headers: Headers): boolean {
    return this.#store.keep(this.#key, response, headers, this.#version)
  }

  remove(): void {
    if (this.#entry !== null) this.#store.forget(this.#entry)
  }
}

/** No path holds a question mark, and no host a slash. */
function uriText(host: string, path: string, query: string): string {
  return query === '' ? host + path : `${host}${path}?${query}`
}

/** Usually nothing but the part itself, which is the same text for every request to a route. */
function variantText(part: string, vary: readonly string[], headers: Headers): string {
  return vary.length === 0 ? part : `${varyValues(vary, headers)}\n${part}`
}

/** Texts may take two bytes a character. */
function costOf(uri: string, variant: string, { head, body, tags }: StoredResponse): number {
  let characters = 2 * uri.length + variant.length
  for (const tag of tags) characters += tag.length
  return ENTRY_OVERHEAD_BYTES + 2 * characters + (head.end - head.begin) + body.length
}
