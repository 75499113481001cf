/** What is asked for again and again while somebody looks: traffic, and with it whether the gateway answers. */
import { signal } from '@preact/signals'
import { ApiError, ask, reasonOf, refreshCaller, token } from './api.ts'
import { caller } from './caller.ts'
import { bucketGrowth, growth, quantile, sum } from './metrics.ts'
import { type Traffic, trafficShape } from './traffic-shape.ts'

const POLL_MS = 2_000
/** Of the time, at most one part in so many is spent on asking: a gateway with many series takes longer to sum them up. */
const REST_FACTOR = 10
/** That charts show. */
const WINDOW_S = 10 * 60

/** One point of the charts: what happened since the point before. Rates are per second. */
export interface Point {
  /** Seconds since 1970. */
  readonly time: number
  readonly rate: number
  readonly statuses: Readonly<Record<string, number>>
  readonly errors: Readonly<Record<string, number>>
  readonly p50: number | null
  readonly p90: number | null
  readonly p99: number | null
}

export const points = signal<readonly Point[]>([])
/** As it was told last; null before the first answer. */
export const traffic = signal<Traffic | null>(null)
/** Why the gateway tells nothing; null when it does. */
export const outage = signal<{ readonly reason: string; readonly since: Date } | null>(null)
/** Counts how often the gateway has come back: what views show is asked for once more then. */
export const recoveries = signal(0)

let wake: (() => void) | null = null

/** Asks at once, for who has just changed something. */
export function refresh(): void {
  wake?.()
}

/** Asks until the page is closed, while somebody is signed in and the tab is seen. */
export async function live(): Promise<never> {
  document.addEventListener('visibilitychange', refresh)
  token.subscribe(() => {
    points.value = []
    traffic.value = null
    outage.value = null
    refresh()
  })
  for (;;) {
    const began = performance.now()
    if (token.value !== '' && !document.hidden) await poll()
    await rest(Math.max(POLL_MS, REST_FACTOR * (performance.now() - began)))
  }
}

async function rest(forMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, Math.min(forMs, 60_000))
    wake = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}

async function poll(): Promise<void> {
  const given = token.value
  try {
    if (caller.value === null) await refreshCaller()
    const now = await ask('/traffic', trafficShape)
    if (token.value !== given) return
    note(now)
    if (outage.value !== null) {
      outage.value = null
      recoveries.value++
    }
  } catch (error) {
    if (token.value !== given || (error instanceof ApiError && error.status === 401)) return
    outage.value = { reason: reasonOf(error), since: outage.value?.since ?? new Date() }
  }
}

function note(now: Traffic): void {
  const before = traffic.value
  traffic.value = now
  // After a restart counters begin anew, and so does what is between two readings.
  if (before === null || before.instance !== now.instance) return
  const time = Date.parse(now.at) / 1_000
  const seconds = time - Date.parse(before.at) / 1_000
  if (seconds <= 0) return
  const rates = (grown: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(grown).map(([name, count]) => [name, count / seconds]))
  const statuses = rates(growth(now.statuses, before.statuses))
  const { boundsMs, counts } = now.durations
  const buckets = bucketGrowth(counts, before.durations.counts)
  const point = {
    time,
    rate: sum(Object.values(statuses)),
    statuses,
    errors: rates(growth(now.errors, before.errors)),
    p50: quantile(boundsMs, buckets, 0.5),
    p90: quantile(boundsMs, buckets, 0.9),
    p99: quantile(boundsMs, buckets, 0.99),
  }
  points.value = [...points.value.filter((old) => old.time > time - WINDOW_S), point]
}
