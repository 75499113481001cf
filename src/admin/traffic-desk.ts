import { randomUUID } from 'node:crypto'
import type { ControlStatus } from '../runtime/control.ts'
import type { MetricsDump } from '../telemetry/metrics.ts'
import { readTraffic, type TrafficReading } from '../telemetry/traffic.ts'

export interface TrafficDeskParts {
  /** All that is counted, of all workers. */
  readonly dump: () => Promise<MetricsDump>
  readonly status: () => ControlStatus
  /** Addresses of targets that an operator has taken out, by service. */
  readonly drained: () => Readonly<Record<string, readonly string[]>>
  /** Milliseconds since 1970; the system's clock by default. */
  readonly nowMs?: () => number
}

/** What is to be told of traffic. */
export interface TrafficLook {
  /** All that is counted, as `now` was read from. */
  readonly dump: MetricsDump
  readonly now: TrafficReading
  /** About a minute older; null when nobody has looked for a while. */
  readonly before: TrafficReading | null
  readonly status: ControlStatus
  readonly drained: Readonly<Record<string, readonly string[]>>
}

/** To collect costs the workers a copy of their counters: once for all who look at the same time. */
const FRESH_MS = 1_000
const WINDOW_MS = 60_000
/** Between readings that are kept, so that there are never more than five. */
const KEEP_EVERY_MS = 20_000
/** What is older than this says nothing of now. */
const STALE_MS = 120_000

/** Reads the metrics for who looks at traffic, and keeps some readings of the last minute to tell what has happened since. */
export class TrafficDesk {
  /** Tells a page that counters have begun anew. */
  readonly instance = randomUUID()
  readonly #parts: TrafficDeskParts
  #kept: TrafficReading[] = []
  #latest: { readonly atMs: number; readonly read: Promise<Pick<TrafficLook, 'dump' | 'now'>> } | null = null

  constructor(parts: TrafficDeskParts) {
    this.#parts = parts
  }

  async look(): Promise<TrafficLook> {
    const nowMs = this.#nowMs()
    if (this.#latest === null || nowMs - this.#latest.atMs >= FRESH_MS || nowMs < this.#latest.atMs) {
      this.#latest = { atMs: nowMs, read: this.#read() }
    }
    const { dump, now } = await this.#latest.read
    const before = this.#kept[0] ?? null
    return { dump, now, before: before === now ? null : before, status: this.#parts.status(), drained: this.#parts.drained() }
  }

  async #read(): Promise<Pick<TrafficLook, 'dump' | 'now'>> {
    const dump = await this.#parts.dump()
    const atMs = this.#nowMs()
    const now = readTraffic(dump, atMs)
    // A clock that was set back would keep them for ever.
    const kept = this.#kept.filter((old) => old.atMs <= atMs && old.atMs > atMs - STALE_MS)
    // The oldest goes when the next one is old enough by itself.
    while (kept[1] !== undefined && kept[1].atMs <= atMs - WINDOW_MS) kept.shift()
    const last = kept.at(-1)
    if (last === undefined || atMs - last.atMs >= KEEP_EVERY_MS) kept.push(now)
    this.#kept = kept
    return { dump, now }
  }

  #nowMs(): number {
    return this.#parts.nowMs?.() ?? Date.now()
  }
}
