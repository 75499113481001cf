import { LENGTH_UNKNOWN } from '../../core/body.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import type { Verdict } from '../../core/policy.ts'
import type { StoredResponse } from '../../core/response-store.ts'
import { answerFrom, CACHE_NAME } from './answers.ts'
import { isSameTag } from './conditional.ts'
import { obsoleteUris } from './invalidation.ts'
import { isAuthenticated, type KeyMaker } from './key.ts'
import { Fill, Pass } from './memo.ts'
import type { Place } from './place.ts'
import { Recorder } from './recorder.ts'
import { judge, type Lifetime } from './storable.ts'
import { packed, storableHead, updatedHead } from './stored-head.ts'

const TAGS_MAX = 64
const TAG_LENGTH_MAX = 256

/** The half of a cache that stands behind the service: keeps its responses, and brings kept ones up to date. */
export class Filler {
  readonly #place: Place
  readonly #keys: KeyMaker

  constructor(place: Place, keys: KeyMaker) {
    this.#place = place
    this.#keys = keys
  }

  response(exchange: Exchange): Verdict | Promise<Verdict> {
    const { cacheMemo: memo, request, response } = exchange
    if (memo === null) return undefined
    const tags = tagsOf(response.headers, this.#place.options.tagsHeader)
    response.headers.delete(this.#place.options.tagsHeader)
    if (memo instanceof Pass) return memo.invalidates && this.#place.acts ? this.#invalidate(exchange) : undefined
    if (!(memo instanceof Fill)) return undefined
    memo.status = response.status
    if (exchange.fallback !== null) return this.#passFallback(exchange, memo)
    if (response.status === 304 && memo.validated !== null) return this.#freshen(exchange, memo, memo.validated, tags)
    if (request.method === 'HEAD') {
      memo.isKeepable = typeof this.#judge(exchange, memo, response.status, response.headers, memo.requestedAtMs) !== 'string'
      this.#compare(exchange, memo, tags)
    } else this.#keep(exchange, memo, tags)
    return undefined
  }

  /** Another service stands in: what it says is kept for nobody, and proves nothing. */
  #passFallback({ request, response }: Exchange, memo: Fill): Verdict {
    memo.lease?.end('error')
    const { validated } = memo
    if (response.status !== 304 || validated === null) return undefined
    // It has found unchanged what the client never named.
    memo.isTold = true
    const nowMs = this.#place.context.clock.epochMs()
    return memo.asLookedUp(request.headers, () => answerFrom(validated, request.headers, request.method, nowMs, null))
  }

  #keep(exchange: Exchange, memo: Fill, tags: readonly string[]): void {
    const { status, headers, bodyLength } = exchange.response
    const { bodyBytesMax } = this.#place.options
    const receivedAtMs = this.#place.context.clock.epochMs()
    const lifetime = this.#judge(exchange, memo, status, headers, receivedAtMs)
    const obstacle = typeof lifetime === 'string' ? lifetime : bodyLength > bodyBytesMax ? 'its body is too large' : null
    if (typeof lifetime === 'string' || obstacle !== null) {
      exchange.trace?.note(`not stored: ${obstacle}`)
      this.#forgetReplaced(memo, status)
      memo.lease?.end(status >= 500 ? 'error' : 'useless')
      return
    }
    exchange.trace?.note('stored')
    memo.isStored = true
    memo.isKeepable = true
    const head = storableHead(headers, receivedAtMs)
    // Neither the request's fields nor the response's outlive what comes between now and the end of the body.
    const requestHeaders = memo.asLookedUp(exchange.request.headers, () => exchange.request.headers.clone())
    const recorder = new Recorder(bodyBytesMax, this.#place.room, (pieces, bytes) => {
      const isWhole = typeof pieces !== 'string' && (bodyLength === LENGTH_UNKNOWN || bodyLength === bytes)
      if (!isWhole) return memo.lease?.end(pieces === 'too large' ? 'useless' : pieces === 'no room' ? 'error' : 'failed')
      const stored = { status, ...packed(head, pieces, bytes), ...lifetime, tags, receivedAtMs, memo: null }
      this.#put(memo, stored, requestHeaders)
    })
    memo.recorder = recorder
    exchange.responseTap = recorder
  }

  #judge(exchange: Exchange, memo: Fill, status: number, headers: Headers, receivedAtMs: number): Lifetime | string {
    const { ttl, shareAuthenticated } = this.#place.options
    const isShared = isAuthenticated(exchange) && !shareAuthenticated
    const caller = !isShared ? 'anonymous' : ttl === undefined ? 'shared' : 'own'
    return judge({ status, headers, requestedAtMs: memo.requestedAtMs, receivedAtMs }, this.#place.keeping, caller)
  }

  #put(memo: Fill, stored: StoredResponse, requestHeaders: Headers): void {
    memo.isBeingStored = true
    this.#place.settle(memo.lookup.put(stored, requestHeaders), (isKept) => {
      if (isKept === true) this.#place.metrics.stored.add(1)
      // What is not fresh for a moment would have those who wait ask one after the other.
      const isFresh = stored.lifetimeMs > stored.initialAgeMs
      // A fresh one was most likely purged meanwhile: the next one will be kept, and many ask for it then.
      memo.lease?.end(!isFresh ? 'useless' : isKept === true ? 'kept' : 'error')
    })
  }

  /** An answer that says what the resource is now, and is not kept, leaves nothing to be kept of it. */
  #forgetReplaced({ lookup }: Fill, status: number): void {
    if (lookup.response === null || status === 304) return
    if (status < 400 || status === 404 || status === 410) this.#place.settle(lookup.remove(), () => undefined)
  }

  /** RFC 9111, 4.3.4: the service has found the stored response unchanged. */
  #freshen(exchange: Exchange, memo: Fill, stored: StoredResponse, tags: readonly string[]): Verdict {
    const { request, response } = exchange
    const nowMs = this.#place.context.clock.epochMs()
    this.#place.metrics.revalidated.add(1)
    const { updated, lifetime } = this.#update(exchange, memo, stored, nowMs, tags)
    const tag = response.headers.get('ETag')
    // A 304 about something else says nothing of what is stored.
    const isMeant = tag === undefined || isSameTag(tag, stored.head.get('ETag') ?? tag)
    if (isMeant && typeof lifetime !== 'string') {
      memo.isStored = true
      memo.isKeepable = true
      memo.asLookedUp(request.headers, () => this.#put(memo, updated, request.headers))
    } else {
      this.#place.settle(memo.lookup.remove(), () => undefined)
      memo.lease?.end('useless')
    }
    memo.isTold = true
    const told = `${CACHE_NAME}; fwd=${memo.forward}; fwd-status=304${memo.isStored ? '; stored' : ''}`
    // With the tag of something else, what is stored would go on as that in the client's own cache.
    const given = isMeant ? updated : stored
    const reply = memo.asLookedUp(request.headers, () => answerFrom(given, request.headers, request.method, nowMs, told))
    // Meant for this client, and not stored.
    const cookies = response.headers.getAll('Set-Cookie').map((value) => ['Set-Cookie', value] as const)
    return cookies.length === 0 ? reply : { ...reply, headers: [...reply.headers, ...cookies] }
  }

  /** A stored response with the fields of a 304, or of an answer to HEAD that fits it. */
  #update(exchange: Exchange, memo: Fill, stored: StoredResponse, nowMs: number, tags: readonly string[]) {
    const { headers } = exchange.response
    const merged = updatedHead(stored.head, headers)
    if (!headers.has('Date')) merged.set('Date', new Date(nowMs).toUTCString())
    const lifetime = this.#judge(exchange, memo, stored.status, merged, nowMs)
    const { head } = packed(storableHead(merged, nowMs), [], 0)
    const times = typeof lifetime === 'string' ? { initialAgeMs: 0, lifetimeMs: 0 } : lifetime
    const updated: StoredResponse = {
      ...stored,
      ...times,
      head,
      tags: tags.length > 0 ? tags : stored.tags,
      receivedAtMs: nowMs,
      memo: null,
    }
    return { updated, lifetime }
  }

  /** RFC 9111, 4.3.5: an answer to HEAD tells whether what is stored for GET still holds. */
  #compare(exchange: Exchange, memo: Fill, tags: readonly string[]): void {
    const { response: stored } = memo.lookup
    const { status, headers } = exchange.response
    if (stored === null) return
    if (status !== 200 || stored.status !== 200) return this.#forgetReplaced(memo, status)
    const length = headers.get('Content-Length')
    const isSame =
      ['ETag', 'Last-Modified'].every((name) => !headers.has(name) || headers.get(name) === stored.head.get(name)) &&
      (length === undefined || Number(length) === stored.body.length)
    const { updated, lifetime } = this.#update(exchange, memo, stored, this.#place.context.clock.epochMs(), tags)
    if (!isSame || typeof lifetime === 'string') return this.#forgetReplaced(memo, status)
    memo.asLookedUp(exchange.request.headers, () => this.#put(memo, updated, exchange.request.headers))
  }

  /** RFC 9111, 4.4. The client learns of its change only once nobody is given what was before it. */
  #invalidate(exchange: Exchange): undefined | Promise<undefined> {
    const calls = obsoleteUris(exchange)
      .map((uri) => this.#keys.uriOf(uri))
      .map(({ host, path, query }) => this.#place.store.invalidate(host, path, query))
    if (!calls.some((call) => call instanceof Promise)) return undefined
    return Promise.all(calls.map((call) => Promise.resolve(call))).then(
      () => undefined,
      (error: unknown) => {
        this.#place.storeFailed(error)
        return undefined
      },
    )
  }
}

/** At most 64 tags of at most 256 characters; what is beyond cannot be purged by. */
function tagsOf(headers: Headers, name: string): readonly string[] {
  const field = headers.getJoined(name)
  if (field === undefined) return NO_TAGS
  const tags = field.split(/[,\t ]+/).filter((tag) => tag !== '' && tag.length <= TAG_LENGTH_MAX)
  return [...new Set(tags)].slice(0, TAGS_MAX)
}

const NO_TAGS: readonly string[] = []
