import { setImmediate as nextTurn } from 'node:timers/promises'
import { type BoundedMetrics, type Counter, type Gauge, type Histogram, type Labels, SERIES_MAX_DEFAULT } from '../core/observe.ts'
import type { MetricsPosition, MetricsUpdate, SeriesPlace } from './metrics-mirror.ts'

export type MetricKind = 'counter' | 'gauge' | 'histogram'

/** One set of labels with its numbers. */
export interface SeriesDump {
  readonly labels: Labels
  /** One number; for a histogram the count of each bucket (not cumulative, the last one is +Inf) and then the sum. */
  readonly values: readonly number[]
}

export interface FamilyDump {
  readonly name: string
  readonly help: string
  readonly kind: MetricKind
  /** Upper bounds of a histogram's buckets without +Inf; empty for the other kinds. */
  readonly bounds: readonly number[]
  readonly series: readonly SeriesDump[]
}

/** All metrics of one process, or of several, as plain data. */
export type MetricsDump = readonly FamilyDump[]

export interface MetricsRegistryOptions {
  /** Series of one family, the one of what overflows not counted; {@link SERIES_MAX_DEFAULT} by default. A histogram counts as one. */
  readonly seriesMax?: number
}

/** Numbers in one block of memory. A block is never moved, so that handles may keep it. */
const BLOCK_LENGTH = 4096
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/
/** What all label values read of the series that takes what has no place of its own. */
export const OVERFLOW_LABEL = '_other'
export const OVERFLOW_METRIC = 'gateway_metric_series_overflow_total'

/** Counter and gauge in one class: with a single class behind both interfaces every call of `add` stays monomorphic. */
class Cell implements Counter, Gauge {
  readonly #cells: Float64Array
  readonly #at: number

  constructor(cells: Float64Array, at: number) {
    this.#cells = cells
    this.#at = at
  }

  add(amount: number): void {
    this.#cells[this.#at] = (this.#cells[this.#at] as number) + amount
  }

  set(value: number): void {
    this.#cells[this.#at] = value
  }
}

class Buckets implements Histogram {
  readonly #cells: Float64Array
  readonly #at: number
  readonly #bounds: Float64Array

  constructor(cells: Float64Array, at: number, bounds: Float64Array) {
    this.#cells = cells
    this.#at = at
    this.#bounds = bounds
  }

  observe(value: number): void {
    // One NaN would make the sum NaN for ever.
    if (Number.isNaN(value)) return
    const bounds = this.#bounds
    const count = bounds.length
    let bucket = 0
    // Most values fall into the first buckets, and there are few: walking beats a binary search.
    while (bucket < count && value > (bounds[bucket] as number)) bucket++
    const cells = this.#cells
    const at = this.#at + bucket
    cells[at] = (cells[at] as number) + 1
    const sumAt = this.#at + count + 1
    cells[sumAt] = (cells[sumAt] as number) + value
  }
}

interface Series {
  readonly labels: Labels
  readonly cells: Float64Array
  readonly at: number
  readonly handle: Cell | Buckets
}

interface Family {
  readonly name: string
  readonly help: string
  readonly kind: MetricKind
  readonly bounds: Float64Array
  /** Numbers that one series takes. */
  readonly width: number
  /** Its place in the order of families. */
  readonly index: number
  readonly series: Map<string, Series>
}

/**
 * The metrics of one process. Looking a series up costs a string and a map; adding to it afterwards is one typed-array write.
 * Series are never removed: a counter that went away and came back would look like a restart to Prometheus.
 */
export class MetricsRegistry implements BoundedMetrics {
  readonly #families = new Map<string, Family>()
  #seriesMax: number
  /** All series in the order in which they came, for {@link update}. */
  readonly #places: SeriesPlace[] = []
  #block = new Float64Array(BLOCK_LENGTH)
  readonly #blocks: Float64Array[] = [this.#block]
  #blockUsed = 0

  constructor(options: MetricsRegistryOptions = {}) {
    this.#seriesMax = options.seriesMax ?? SERIES_MAX_DEFAULT
  }

  /** Series of one family. What is there already stays when it falls. */
  get seriesMax(): number {
    return this.#seriesMax
  }

  set seriesMax(seriesMax: number) {
    this.#seriesMax = seriesMax
  }

  /** Throws when the name is not a metric name or already stands for another kind: a mistake in our code. */
  counter(name: string, help: string, labels: Labels): Counter {
    return this.#cell('counter', name, help, labels)
  }

  /** Throws as {@link counter} does. */
  gauge(name: string, help: string, labels: Labels): Gauge {
    return this.#cell('gauge', name, help, labels)
  }

  /** Throws as {@link counter} does, and when the bounds are not ascending or differ from those the name has already. */
  histogram(name: string, help: string, bounds: readonly number[], labels: Labels): Histogram {
    const { handle } = this.#series(this.#family('histogram', name, help, bounds), labels)
    if (handle instanceof Buckets) return handle
    throw new TypeError(`metric ${name} is no histogram`)
  }

  /** A copy of all numbers, to be rendered or sent. */
  dump(): MetricsDump {
    const families: FamilyDump[] = []
    for (const { name, help, kind, bounds, width, series } of this.#families.values()) {
      const dumped: SeriesDump[] = []
      for (const { labels, cells, at } of series.values()) dumped.push({ labels, values: Array.from(cells.subarray(at, at + width)) })
      families.push({ name, help, kind, bounds: Array.from(bounds), series: dumped })
    }
    return families
  }

  /** What another process does not know yet, and all numbers: these are no copies, and have to be sent or read at once. */
  update(since: MetricsPosition): MetricsUpdate {
    const heads = since.families === this.#families.size ? [] : [...this.#families.values()].slice(since.families)
    return {
      since,
      families: heads.map(({ name, help, kind, bounds }) => ({ name, help, kind, bounds: Array.from(bounds) })),
      series: this.#places.slice(since.series),
      blocks: this.#blocks,
    }
  }

  #cell(kind: 'counter' | 'gauge', name: string, help: string, labels: Labels): Cell {
    const { handle } = this.#series(this.#family(kind, name, help, []), labels)
    if (handle instanceof Cell) return handle
    throw new TypeError(`metric ${name} is no ${kind}`)
  }

  #family(kind: MetricKind, name: string, help: string, bounds: readonly number[]): Family {
    const known = this.#families.get(name)
    if (known !== undefined) {
      if (known.kind !== kind) throw new TypeError(`metric ${name} is a ${known.kind}, not a ${kind}`)
      if (!sameNumbers(known.bounds, bounds)) throw new TypeError(`metric ${name} has other bucket bounds already`)
      return known
    }
    if (!METRIC_NAME.test(name)) throw new TypeError(`"${name}" is not a metric name`)
    if (bounds.some((bound, i) => !Number.isFinite(bound) || bound <= (bounds[i - 1] ?? Number.NEGATIVE_INFINITY))) {
      throw new TypeError(`bucket bounds of ${name} must be finite and ascending`)
    }
    const width = kind === 'histogram' ? bounds.length + 2 : 1
    const family: Family = { name, help, kind, bounds: Float64Array.from(bounds), width, index: this.#families.size, series: new Map() }
    this.#families.set(name, family)
    return family
  }

  #series(family: Family, labels: Labels): Series {
    const key = seriesKey(labels)
    const known = family.series.get(key)
    if (known !== undefined) return known
    for (const label of Object.keys(labels)) {
      if (!LABEL_NAME.test(label) || label === 'le') throw new TypeError(`"${label}" is not a label name`)
    }
    // What has no labels is a family of one, which cannot grow; and it would have no label to be told apart by.
    if (family.series.size >= this.#seriesMax && key !== NO_LABELS) return this.#overflow(family, labels)
    return this.#add(family, key, labels)
  }

  /** The one series of a family that takes what has no place of its own. */
  #overflow(family: Family, labels: Labels): Series {
    // By metric, of which there are few; a bound below even that must not call this for ever.
    if (family.name !== OVERFLOW_METRIC) {
      this.counter(OVERFLOW_METRIC, 'Times that a series was asked for beyond the bound on series, by metric.', {
        metric: family.name,
      }).add(1)
    }
    const collapsed = overflowLabels(labels)
    const key = seriesKey(collapsed)
    return family.series.get(key) ?? this.#add(family, key, collapsed)
  }

  #add(family: Family, key: string, labels: Labels): Series {
    const { width } = family
    if (this.#blockUsed + width > this.#block.length) {
      this.#block = new Float64Array(Math.max(BLOCK_LENGTH, width))
      this.#blocks.push(this.#block)
      this.#blockUsed = 0
    }
    const cells = this.#block
    const at = this.#blockUsed
    this.#blockUsed += width
    const handle = family.kind === 'histogram' ? new Buckets(cells, at, family.bounds) : new Cell(cells, at)
    const series: Series = { labels: { ...labels }, cells, at, handle }
    family.series.set(key, series)
    this.#places.push({ family: family.index, labels: series.labels, block: this.#blocks.length - 1, at })
    return series
  }
}

const NO_LABELS = '[]'

function overflowLabels(labels: Labels): Labels {
  return Object.fromEntries(Object.keys(labels).map((label) => [label, OVERFLOW_LABEL]))
}

/** The same for the same labels in any order, and different for different ones whatever the values hold. */
function seriesKey(labels: Labels): string {
  const names = Object.keys(labels)
  if (names.length > 1) names.sort()
  return JSON.stringify(names.map((name) => [name, labels[name]]))
}

function sameNumbers(one: ArrayLike<number>, other: ArrayLike<number>): boolean {
  if (one.length !== other.length) return false
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false
  return true
}

/** About a millisecond. */
const SERIES_A_TURN = 1_000

type MergedSeries = Map<string, { readonly labels: Labels; readonly values: number[] }>

/**
 * Adds the dumps of several processes up, gauges too (connections of all workers, say). A family whose kind or bounds differ from
 * those of the first dump that has it is left out of the later ones, since such numbers cannot be added.
 * @param seriesMax series of one family: each process keeps within it, but not all need have the same ones, and the dead add theirs
 */
export function mergeDumps(dumps: readonly MetricsDump[], seriesMax = SERIES_MAX_DEFAULT): MetricsDump {
  const merging = merge(dumps, seriesMax)
  for (;;) {
    const step = merging.next()
    if (step.done === true) return step.value
  }
}

/** The same in turns of the event loop, for a process that has other things to do. */
export async function mergeDumpsInTurns(dumps: readonly MetricsDump[], seriesMax = SERIES_MAX_DEFAULT): Promise<MetricsDump> {
  const merging = merge(dumps, seriesMax)
  for (;;) {
    const step = merging.next()
    if (step.done === true) return step.value
    await nextTurn()
  }
}

/** Pauses every {@link SERIES_A_TURN} series. */
function* merge(dumps: readonly MetricsDump[], seriesMax: number): Generator<void, MetricsDump, void> {
  const sums: FamilyDump[] = []
  let added = 0
  for (const [first, ...others] of Map.groupBy(dumps.flat(), ({ name }) => name).values()) {
    if (first === undefined) continue
    // Most sums are of one process and what only another has: there is nothing to add, and 10,000 series would be copied for nothing.
    if (others.length === 0 && first.series.length <= seriesMax) {
      sums.push(first)
      continue
    }
    const merged: MergedSeries = new Map()
    for (const { kind, bounds, series } of [first, ...others]) {
      if (kind !== first.kind || !sameNumbers(first.bounds, bounds)) continue
      for (const { labels, values } of series) {
        addSeries(merged, labels, values, seriesMax)
        if (++added % SERIES_A_TURN === 0) yield
      }
    }
    sums.push({ ...first, series: [...merged.values()] })
  }
  return sums
}

function addSeries(merged: MergedSeries, labels: Labels, values: readonly number[], seriesMax: number): void {
  const key = seriesKey(labels)
  const sum = merged.get(key)
  if (sum === undefined && merged.size >= seriesMax && Object.values(labels).some((value) => value !== OVERFLOW_LABEL)) {
    return addSeries(merged, overflowLabels(labels), values, seriesMax)
  }
  if (sum === undefined) merged.set(key, { labels, values: [...values] })
  else for (let i = 0; i < values.length; i++) sum.values[i] = (sum.values[i] ?? 0) + (values[i] as number)
}

/** What stays true of a process after its death: all but the gauges. */
export function withoutGauges(dump: MetricsDump): MetricsDump {
  return dump.filter((family) => family.kind !== 'gauge')
}
