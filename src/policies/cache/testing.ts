/** A cache under virtual time, between clients and a service that a test plays. */
import { systemClock } from '../../core/clock.ts'
import type { Exchange } from '../../core/exchange.ts'
import { Headers } from '../../core/headers.ts'
import type { CompileContext, PolicySteps } from '../../core/policy.ts'
import type { Reply } from '../../core/reply.ts'
import type { ResponseStore } from '../../core/response-store.ts'
import { MemoryResponses } from '../../stores/memory/responses.ts'
import { compilePolicy, contextWith, type ExchangeShape, exchangeOf, testContext } from '../testing.ts'
import { cache } from './policy.ts'

export type Fields = readonly (readonly [string, string])[]

/** What the service says. */
export interface ServiceAnswer {
  readonly status?: number
  readonly headers?: Fields
  readonly body?: string
}

export interface Asking extends ExchangeShape {
  /** User of a token that was verified. */
  readonly user?: string
}

/** What came of a request. */
export interface Told {
  readonly status: number
  readonly code: string | null
  readonly headers: Headers
  readonly body: string
  /** What the service was sent, null where it was not asked. */
  readonly forwarded: Headers | null
  readonly cacheStatus: string
}

/** 1 January 2026. */
export const START_MS = Date.UTC(2026, 0, 1)

export class World {
  nowMs = START_MS
  readonly counts = new Map<string, number>()
  readonly store: MemoryResponses
  readonly context: CompileContext
  /** Exchanges that were started without a client. */
  readonly detached: Exchange[] = []
  /** Whether more of them are taken. */
  detaches = true
  readonly #steps: Promise<PolicySteps>

  constructor(options: object = {}, parts: Partial<CompileContext> = {}) {
    const clock = { ...systemClock, now: () => this.nowMs - START_MS, epochMs: () => this.nowMs }
    this.store = new MemoryResponses(10_000_000, clock, testContext.metrics)
    this.context = contextWith({
      clock,
      stores: { ...testContext.stores, responses: (name) => (name === 'memory' ? this.store : late(this.store)) },
      metrics: {
        ...testContext.metrics,
        counter: (name) => ({ add: (amount) => this.counts.set(name, (this.counts.get(name) ?? 0) + amount) }),
      },
      ...parts,
    })
    this.#steps = compilePolicy(cache, options, this.context)
  }

  count(name: string): number {
    return this.counts.get(`gateway_cache_${name}_total`) ?? 0
  }

  steps(): Promise<PolicySteps> {
    return this.#steps
  }

  exchange(asking: Asking = {}): Exchange {
    const exchange = exchangeOf(asking)
    exchange.route = { name: 'all', pattern: '/*', serviceName: 'main' }
    if (asking.user !== undefined) Object.assign(exchange.caller, { method: 'jwt', subject: asking.user })
    exchange.detacher = {
      detach: (source, _policy, prepare) => {
        if (!this.detaches) return false
        const detached = exchangeOf({ ...asking, headers: source.request.headers.toPairs() })
        detached.route = source.route
        prepare(detached)
        this.detached.push(detached)
        return true
      },
    }
    return exchange
  }

  /** One exchange from its beginning to its end. @param answer absent where the service must not be asked */
  async ask(asking: Asking = {}, answer?: ServiceAnswer): Promise<Told> {
    const exchange = this.exchange(asking)
    const steps = await this.#steps
    const reply = await steps.onRequest?.(exchange)
    return this.finish(exchange, reply, answer)
  }

  /** From what the request step said to the end. */
  async finish(exchange: Exchange, early: Reply | undefined, answer: ServiceAnswer | undefined): Promise<Told> {
    const steps = await this.#steps
    if (early !== undefined) return this.#end(exchange, early, null)
    if (answer === undefined) throw new Error('the service was asked')
    const forwarded = exchange.request.headers.clone()
    const body = Buffer.from(answer.body ?? '')
    exchange.response.status = answer.status ?? 200
    exchange.response.headers = Headers.from(answer.headers ?? []).clone()
    exchange.response.bodyLength = body.length
    const late = await steps.onStore?.(exchange)
    if (late !== undefined) return this.#end(exchange, late, forwarded)
    const told = await this.#end(exchange, null, forwarded, body)
    return told
  }

  async #end(exchange: Exchange, reply: Reply | null, forwarded: Headers | null, served = Buffer.alloc(0)): Promise<Told> {
    const steps = await this.#steps
    const { response, responseTap: tap } = exchange
    if (reply !== null) {
      response.status = reply.status
      response.headers = reply.head === undefined ? new Headers() : reply.head.clone()
      for (const [name, value] of reply.headers) response.headers.append(name, value)
    }
    await steps.onResponse?.(exchange)
    tap?.onData(served, 0, served.length)
    tap?.onEnd(null)
    steps.onFinish?.(exchange, { status: response.status, error: null, durationMs: 0 })
    const body = reply === null ? served.toString() : reply.body.toString()
    const cacheStatus = response.headers.getAll('Cache-Status').at(-1) ?? ''
    return { status: response.status, code: reply?.code ?? null, headers: response.headers, body, forwarded, cacheStatus }
  }
}

/** The same store, with answers that come later, as those of Redis do. */
function late(store: ResponseStore): ResponseStore {
  return {
    async lookup(key, headers) {
      const found = await store.lookup(key, headers)
      return { response: found.response, put: async (response, fields) => found.put(response, fields), remove: async () => found.remove() }
    },
    invalidate: async (host, path, query) => store.invalidate(host, path, query),
    purge: async (purge) => store.purge(purge),
  }
}

/** A date as HTTP writes it, so many seconds from {@link START_MS}. */
export function date(seconds: number): string {
  return new Date(START_MS + seconds * 1000).toUTCString()
}
