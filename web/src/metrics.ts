/** Rates and quantiles from counters that were read twice. */

/** What counters grew by, by their names. One that is smaller than before has begun anew. */
export function growth(now: Readonly<Record<string, number>>, before: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(now).map(([name, value]) => [name, grown(value, before[name] ?? 0)]))
}

/** The same of the buckets of a histogram. */
export function bucketGrowth(now: readonly number[], before: readonly number[]): number[] {
  const hasRestarted = now.some((count, i) => count < (before[i] ?? 0))
  return hasRestarted ? [...now] : now.map((count, i) => count - (before[i] ?? 0))
}

function grown(now: number, before: number): number {
  return now >= before ? now - before : now
}

export function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}

/**
 * A quantile of a histogram, linear within a bucket as Prometheus does; null without observations. What is beyond the last bound is taken for
 * that bound.
 * @param bounds upper bounds, ascending. @param counts of each bucket, and one more for what is beyond; not cumulative
 */
export function quantile(bounds: readonly number[], counts: readonly number[], q: number): number | null {
  const rank = sum(counts) * q
  if (rank === 0) return null
  let low = 0
  let below = 0
  for (const [i, bound] of bounds.entries()) {
    const count = counts[i] ?? 0
    if (count > 0 && below + count >= rank) return low + ((bound - low) * (rank - below)) / count
    low = bound
    below += count
  }
  return low
}
