/** Prometheus' text format, and rates and quantiles from two successive readings. */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** By name and labels as they were written. */
export type Reading = ReadonlyMap<string, Sample>

const LINE = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/i
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g

export function parseMetrics(text: string): Reading {
  const samples = new Map<string, Sample>()
  for (const line of text.split('\n')) {
    const [, name, labelText = '', value = ''] = line.startsWith('#') ? [] : (LINE.exec(line) ?? [])
    if (name === undefined) continue
    const labels: Record<string, string> = {}
    for (const [, key = '', raw = ''] of labelText.matchAll(LABEL))
      labels[key] = raw.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))
    samples.set(`${name}{${labelText}}`, { name, labels, value: value === '+Inf' ? Infinity : Number(value) })
  }
  return samples
}

/** What counters of one name grew by. One that is smaller than before has begun anew. */
export function growth(now: Reading, before: Reading | null, name: string): Sample[] {
  const grown: Sample[] = []
  for (const [key, sample] of now) {
    if (sample.name !== name) continue
    const old = before?.get(key)?.value ?? 0
    grown.push({ ...sample, value: sample.value >= old ? sample.value - old : sample.value })
  }
  return grown
}

export function sum(samples: Iterable<Sample>, name?: string): number {
  let total = 0
  for (const sample of samples) if (name === undefined || sample.name === name) total += sample.value
  return total
}

export function groupSum(samples: Iterable<Sample>, key: (sample: Sample) => string): Map<string, number> {
  const groups = new Map<string, number>()
  for (const sample of samples) groups.set(key(sample), (groups.get(key(sample)) ?? 0) + sample.value)
  return groups
}

/** A quantile of cumulative buckets by `le`, linear within a bucket as Prometheus does; null without observations. */
export function quantile(buckets: readonly Sample[], q: number): number | null {
  const byBound = [...groupSum(buckets, ({ labels }) => labels['le'] ?? '')]
    .map(([le, count]) => ({ bound: le === '+Inf' ? Infinity : Number(le), count }))
    .sort((a, b) => a.bound - b.bound)
  const rank = (byBound.at(-1)?.count ?? 0) * q
  if (rank === 0) return null
  let low = 0
  let below = 0
  for (const { bound, count } of byBound) {
    if (count >= rank) return bound === Infinity ? low : low + ((bound - low) * (rank - below)) / (count - below)
    low = bound
    below = count
  }
  return low
}
