/** How caches did over time, made of two successive readings of the gateway's counters. */
import { effect, signal } from '@preact/signals'
import { traffic } from './live.ts'
import type { Traffic } from './traffic-shape.ts'

const WINDOW_S = 10 * 60

export type CacheCounts = Pick<Traffic['caches'][number], 'hits' | 'misses' | 'stale' | 'bypassed'>
const COUNTS = ['hits', 'misses', 'stale', 'bypassed'] as const

/** Requests a second since the point before. */
export interface CachePoint extends CacheCounts {
  /** Seconds since 1970. */
  readonly time: number
}

export const cachePoints = signal<readonly CachePoint[]>([])

/** Of all caches together. */
export function allCaches(caches: Traffic['caches']): CacheCounts {
  const sum = { hits: 0, misses: 0, stale: 0, bypassed: 0 }
  for (const cache of caches) for (const name of COUNTS) sum[name] += cache[name]
  return sum
}

let before: Traffic | null = null

effect(() => {
  const now = traffic.value
  const last = before
  before = now
  if (now === null) {
    cachePoints.value = []
    return
  }
  // After a restart counters begin anew.
  if (last === null || last.instance !== now.instance) return
  const time = Date.parse(now.at) / 1_000
  const seconds = time - Date.parse(last.at) / 1_000
  if (seconds <= 0) return
  const [sum, old] = [allCaches(now.caches), allCaches(last.caches)]
  const rate = (name: keyof CacheCounts): number => Math.max(0, sum[name] - old[name]) / seconds
  const point = { time, hits: rate('hits'), misses: rate('misses'), stale: rate('stale'), bypassed: rate('bypassed') }
  cachePoints.value = [...cachePoints.peek().filter((one) => one.time > time - WINDOW_S), point]
})
