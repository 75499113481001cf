import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, KeepAliveClient } from './keep-alive-client.ts'

/** What one request of the load came to. */
export interface Seen {
  /** When it was due, and how long it took from then on, in milliseconds of `performance.now()`. */
  readonly at: number
  readonly tookMs: number
  /** 0 where the connection was lost. */
  readonly status: number
  /** Port of the service that answered; empty where none did. */
  readonly service: string
}

/** A summary of a span of time. */
export interface Span {
  readonly requests: number
  /** Not 2xx, or broken off. */
  readonly errors: number
  readonly p99Ms: number
}

/**
 * Requests at a steady rate over connections that are kept. A request is due whether the one before it was answered or not, and its time
 * counts from when it was due, so that what waits behind a hanging one is not left out. Every answer must be the right one or a clean error.
 */
export class SteadyLoad {
  readonly seen: Seen[] = []
  /** Answers that are neither right nor a clean error. */
  readonly wrong: string[] = []
  readonly #port: number
  readonly #pauseMs: number
  readonly #running: Promise<void>[] = []
  #count = 0
  #isStopping = false

  /** @param requestsPerSecond over all connections together */
  constructor(port: number, connections: number, requestsPerSecond: number) {
    this.#port = port
    this.#pauseMs = (1_000 * connections) / requestsPerSecond
    const startMs = performance.now()
    for (let i = 0; i < connections; i++) this.#running.push(this.#run(startMs + (i * 1_000) / requestsPerSecond))
  }

  /** Ends the load, when all that was asked has been answered. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(this.#running)
  }

  /** What was due from then to then. */
  span(fromMs: number, toMs: number): Span {
    const seen = this.seen.filter(({ at }) => at >= fromMs && at < toMs)
    const times = seen.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b)
    return {
      requests: seen.length,
      errors: seen.filter(({ status }) => status < 200 || status > 299).length,
      p99Ms: times[Math.min(times.length - 1, Math.floor(times.length * 0.99))] ?? Number.NaN,
    }
  }

  /** When a service gave its first good answer to a request that was due from then on; undefined for never. */
  firstAnswer(service: string, fromMs: number): number | undefined {
    const good = this.seen.filter((seen) => seen.at >= fromMs && seen.status === 200 && seen.service === service)
    return good.length === 0 ? undefined : Math.min(...good.map(({ at, tookMs }) => at + tookMs))
  }

  async #run(firstMs: number): Promise<void> {
    let client: KeepAliveClient | null = null
    for (let dueMs = firstMs; !this.#isStopping; dueMs += this.#pauseMs) {
      const waitMs = dueMs - performance.now()
      if (waitMs > 0) await sleep(waitMs)
      const path = `/orders/${this.#count++}`
      try {
        client ??= await KeepAliveClient.open(this.#port)
        const answer = await client.get(path)
        this.#note(dueMs, answer.status, this.#judge(path, answer))
      } catch {
        client = null
        this.#note(dueMs, 0, '')
      }
    }
    client?.close()
  }

  #note(dueMs: number, status: number, service: string): void {
    this.seen.push({ at: dueMs, tookMs: performance.now() - dueMs, status, service })
  }

  /** @returns the service that answered */
  #judge(path: string, { status, head, body }: Answer): string {
    try {
      const told = JSON.parse(body) as { service?: string; path?: string; code?: string; requestId?: string }
      if (/\r\nturnpike-error: /i.test(head)) {
        assert.ok(status >= 500 && told.code !== undefined && told.requestId !== undefined)
        return ''
      }
      assert.equal(told.path, path)
      return told.service ?? ''
    } catch {
      this.wrong.push(`${path}: ${head}\n${body}`)
      return ''
    }
  }
}
