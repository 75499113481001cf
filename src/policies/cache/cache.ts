import { createHash } from 'node:crypto'
import type { Exchange, StaleAnswer } from '../../core/exchange.ts'
import type { CompileContext, Verdict } from '../../core/policy.ts'
import { type Reply, refuse } from '../../core/reply.ts'
import type { ResponseKey, ResponseLookup, StoredResponse } from '../../core/response-store.ts'
import { answerFrom, wholeAnswer } from './answers.ts'
import { ageOf, type Demands, demandsOf, NO_DEMANDS, useOf } from './demands.ts'
import { Filler } from './filler.ts'
import { Flights, Lease, Waiter } from './flights.ts'
import { isUnsafe } from './invalidation.ts'
import { isAuthenticated, KeyMaker } from './key.ts'
import { Fill, Hit, Pass } from './memo.ts'
import { Place } from './place.ts'
import type { CacheOptions } from './schema.ts'
import { compileTelling, type Telling } from './telling.ts'

const INVALIDATES = new Pass('method', true)
const OTHER_METHOD = new Pass('method', false)
const BYPASS = new Pass('bypass', false)
const NOTES = { miss: 'nothing stored', stale: 'stored, and not fresh', request: 'stored, and to be validated first' }
const CACHE_ONLY = refuse('cache_only')

/** The cache of one place: answers with what is stored, and sees to it that the service is asked no more often than it has to be. */
export class Cache {
  readonly #place: Place
  readonly #keys: KeyMaker
  readonly #flights: Flights
  readonly #filler: Filler
  readonly #directives: 'obey' | 'ignore' | 'bypass'
  readonly #methods: ReadonlySet<string>
  readonly #tell: Telling

  constructor(options: CacheOptions, context: CompileContext) {
    const { ttl, requestDirectives = ttl === undefined ? 'obey' : 'ignore' } = options
    this.#place = new Place(options, context)
    // Other options, other meaning: what was stored under the former ones is not found any more.
    const meaning = createHash('sha256').update(JSON.stringify(options)).digest('base64url').slice(0, 12)
    this.#keys = new KeyMaker(`${context.scope} ${meaning}`, options)
    this.#flights = new Flights(context.clock)
    this.#filler = new Filler(this.#place, this.#keys)
    this.#directives = requestDirectives
    this.#methods = new Set(options.methods)
    this.#tell = compileTelling(options)
  }

  request(exchange: Exchange): Verdict | Promise<Verdict> {
    const { request } = exchange
    const { headers, method } = request
    if (!this.#methods.has(method)) return this.#pass(exchange, isUnsafe(method) ? INVALIDATES : OTHER_METHOD)
    // RFC 9111, 4.3.2: those conditions are for the service alone to decide.
    const isForService = headers.has('If-Match') || headers.has('If-Unmodified-Since')
    if (isForService || request.upgrade !== '' || exchange.downstream.requestBody.length !== 0) return this.#pass(exchange, BYPASS)
    const demands = this.#directives === 'ignore' ? NO_DEMANDS : demandsOf(headers)
    if (this.#directives === 'bypass' && (demands.noCache || headers.has('Authorization'))) return this.#pass(exchange, BYPASS)
    if (demands.noStore) return demands.onlyIfCached ? CACHE_ONLY : this.#pass(exchange, BYPASS)
    const key = this.#keys.keyOf(exchange)
    const lookup = this.#place.store.lookup(key, headers)
    return lookup instanceof Promise
      ? this.#decideLater(exchange, key, lookup, demands, true)
      : this.#decide(exchange, key, lookup, demands, true)
  }

  #pass(exchange: Exchange, pass: Pass): undefined {
    exchange.cacheMemo = pass
    this.#place.metrics.bypass.add(1)
    return undefined
  }

  #decideLater(
    exchange: Exchange,
    key: ResponseKey,
    lookup: Promise<ResponseLookup>,
    demands: Demands,
    mayWait: boolean,
  ): Promise<Verdict> {
    return lookup.then(
      // Who has left meanwhile has finished, and could end no lease that it took now.
      (found) => (exchange.ended ? undefined : this.#decide(exchange, key, found, demands, mayWait)),
      (error: unknown) => {
        this.#place.storeFailed(error)
        return demands.onlyIfCached ? CACHE_ONLY : this.#pass(exchange, BYPASS)
      },
    )
  }

  /** @param mayWait false for one that has waited already */
  #decide(exchange: Exchange, key: ResponseKey, lookup: ResponseLookup, demands: Demands, mayWait: boolean): Verdict | Promise<Verdict> {
    const { response } = lookup
    const nowMs = this.#place.context.clock.epochMs()
    if (response !== null) {
      const ageMs = ageOf(response, nowMs)
      const use = useOf(response, demands, ageMs)
      if (use === 'while-revalidating' && this.#place.acts) this.#refresh(exchange, key, lookup, response, nowMs)
      if (use !== 'after-validation') {
        exchange.cacheMemo = new Hit(key)
        return this.#hit(exchange, response, ageMs, nowMs, !mayWait)
      }
    }
    if (demands.onlyIfCached) {
      this.#place.metrics.miss.add(1)
      return CACHE_ONLY
    }
    return this.#forward(exchange, key, lookup, demands, nowMs, mayWait)
  }

  #hit({ request, trace }: Exchange, stored: StoredResponse, ageMs: number, nowMs: number, hasWaited: boolean): Reply {
    const { metrics } = this.#place
    metrics.hit.add(1)
    if (hasWaited) metrics.collapsed.add(1)
    if (ageMs >= stored.lifetimeMs) metrics.stale.add(1)
    trace?.note(`hit, ${Math.floor(ageMs / 1000)} s old`)
    const { headers } = request
    const isPlain = !headers.has('If-None-Match') && !headers.has('If-Modified-Since') && !headers.has('Range')
    return isPlain ? wholeAnswer(stored, nowMs) : answerFrom(stored, headers, request.method, nowMs, null)
  }

  /** The service is asked; or another exchange asks it just now, and this one waits. */
  #forward(
    exchange: Exchange,
    key: ResponseKey,
    lookup: ResponseLookup,
    demands: Demands,
    nowMs: number,
    mayWait: boolean,
  ): Verdict | Promise<Verdict> {
    const { response } = lookup
    const reason = response === null ? 'miss' : ageOf(response, nowMs) < response.lifetimeMs ? 'request' : 'stale'
    const fill = new Fill(key, lookup, reason, exchange, nowMs)
    exchange.cacheMemo = fill
    exchange.trace?.note(NOTES[reason])
    if (!this.#place.acts) return this.#count()
    if (response !== null && !response.neverStale) exchange.stale = new Stale(response, this.#place, nowMs)
    const isWhole = exchange.request.method === 'GET' && !exchange.request.headers.has('Range')
    const isUsual = !demands.noCache && demands.ageMaxMs >= 1000
    const { collapse, collapseTimeout } = this.#place.options
    if (!collapse || !isWhole || !isUsual) return this.#fetch(exchange, fill, isWhole)
    const flightKey = this.#flightKey(exchange, key, response)
    // What was of no use to others lately is not of use to itself either: the client's own validators do more for it.
    if (this.#flights.isAlone(flightKey)) return this.#fetch(exchange, fill, false)
    if (!mayWait && this.#flights.isUnderWay(flightKey)) return this.#fetch(exchange, fill, true)
    const place = this.#flights.enter(flightKey, collapseTimeout)
    if (place instanceof Waiter) return this.#wait(exchange, fill, demands, place)
    fill.lease = place
    return this.#fetch(exchange, fill, true)
  }

  /** Where the service decides, the answer to a credential is private until it has said otherwise: nobody else waits for it. */
  #flightKey(exchange: Exchange, { host, path, query, part }: ResponseKey, known: StoredResponse | null): string {
    const { ttl, shareAuthenticated } = this.#place.options
    const key = `${host}${path}?${query}\n${part}`
    const isPrivate = ttl === undefined && !shareAuthenticated && known === null && isAuthenticated(exchange)
    return isPrivate ? `${key}\nu${this.#keys.identityOf(exchange)}` : key
  }

  #wait(exchange: Exchange, fill: Fill, demands: Demands, waiter: Waiter): Promise<Verdict> {
    fill.waiter = waiter
    return waiter.released.then((release) => {
      fill.waiter = null
      if (exchange.ended) {
        if (release instanceof Lease) release.end('failed')
        return undefined
      }
      if (release === 'look') {
        const lookup = this.#place.store.lookup(fill.key, exchange.request.headers)
        return lookup instanceof Promise
          ? this.#decideLater(exchange, fill.key, lookup, demands, false)
          : this.#decide(exchange, fill.key, lookup, demands, false)
      }
      if (release instanceof Lease) fill.lease = release
      fill.requestedAtMs = this.#place.context.clock.epochMs()
      return this.#fetch(exchange, fill, release !== 'alone')
    })
  }

  /** @param isWhole whether the service is to be asked for the whole response, so that it can be kept */
  #fetch({ request }: Exchange, fill: Fill, isWhole: boolean): undefined {
    const { headers } = request
    const { response } = fill.lookup
    const etag = response?.head.get('ETag')
    const modified = response?.head.get('Last-Modified')
    const validates = etag !== undefined || modified !== undefined
    if (validates || isWhole) {
      headers.delete('If-None-Match')
      headers.delete('If-Modified-Since')
    }
    // RFC 9111, 4.3.1: both, where both are there.
    if (etag !== undefined) headers.set('If-None-Match', etag)
    if (modified !== undefined) headers.set('If-Modified-Since', modified)
    if (validates) fill.validated = response
    return this.#count()
  }

  #count(): undefined {
    this.#place.metrics.miss.add(1)
    return undefined
  }

  /** Has a response brought up to date that is given meanwhile (RFC 5861, 3): once at a time. */
  #refresh(exchange: Exchange, key: ResponseKey, lookup: ResponseLookup, stored: StoredResponse, nowMs: number): void {
    const flightKey = this.#flightKey(exchange, key, stored)
    if (exchange.detacher === null || this.#flights.isUnderWay(flightKey)) return
    const lease = this.#flights.enter(flightKey, this.#place.options.collapseTimeout)
    if (!(lease instanceof Lease)) return
    const isStarted = exchange.detacher.detach(exchange, 'cache', (detached) => {
      const { request } = detached
      request.method = 'GET'
      for (const name of ['Range', 'If-Range']) request.headers.delete(name)
      const fill = new Fill(key, lookup, 'stale', detached, nowMs)
      fill.lease = lease
      detached.cacheMemo = fill
      this.#fetch(detached, fill, true)
    })
    if (!isStarted) lease.end('failed')
  }

  response(exchange: Exchange): Verdict | Promise<Verdict> {
    return this.#filler.response(exchange)
  }

  tell(exchange: Exchange): undefined {
    this.#tell(exchange)
    return undefined
  }

  /** Nobody is left waiting, however the exchange ended. */
  finish({ cacheMemo }: Exchange): void {
    if (!(cacheMemo instanceof Fill)) return
    cacheMemo.waiter?.release('alone')
    cacheMemo.recorder?.onAbort()
    if (!cacheMemo.isBeingStored) cacheMemo.lease?.end('failed')
  }
}

class Stale implements StaleAnswer {
  readonly onError: boolean
  readonly #stored: StoredResponse
  readonly #place: Place

  constructor(stored: StoredResponse, place: Place, nowMs: number) {
    this.onError = ageOf(stored, nowMs) - stored.lifetimeMs <= stored.staleIfErrorMs
    this.#stored = stored
    this.#place = place
  }

  reply(): Reply {
    this.#place.metrics.stale.add(1)
    return wholeAnswer(this.#stored, this.#place.context.clock.epochMs())
  }
}
