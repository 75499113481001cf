import type { Labels } from '../core/observe.ts'
import type { FamilyDump, MetricKind, MetricsDump, SeriesDump } from './metrics.ts'

/** How much of a registry is known elsewhere: it only grows, so that two counts say it. */
export interface MetricsPosition {
  readonly families: number
  readonly series: number
}

export const NOTHING_KNOWN: MetricsPosition = { families: 0, series: 0 }

export interface FamilyHead {
  readonly name: string
  readonly help: string
  readonly kind: MetricKind
  readonly bounds: readonly number[]
}

/** Where the numbers of one series are. */
export interface SeriesPlace {
  /** By the order of the families. */
  readonly family: number
  readonly labels: Labels
  readonly block: number
  readonly at: number
}

/**
 * What has become of a registry since somebody knew it: families and series that are new, and all numbers, in the blocks of memory in which
 * they are counted. To make one and to send it costs a copy of these blocks, however many series there are: a worker has requests to serve.
 */
export interface MetricsUpdate {
  /** What was known, as it was asked. */
  readonly since: MetricsPosition
  readonly families: readonly FamilyHead[]
  readonly series: readonly SeriesPlace[]
  readonly blocks: readonly Float64Array[]
}

/** The registry of another process, as its updates tell it. */
export class MetricsMirror {
  readonly #families: FamilyHead[] = []
  readonly #series: SeriesPlace[] = []
  #blocks: readonly Float64Array[] = []

  /** For the next question. */
  get position(): MetricsPosition {
    return { families: this.#families.length, series: this.#series.length }
  }

  /** An update since another position is passed by: what it adds may be here already, or something before it is not. */
  apply({ since, families, series, blocks }: MetricsUpdate): void {
    if (since.families !== this.#families.length || since.series !== this.#series.length) return
    this.#families.push(...families)
    for (const place of series) this.#series.push(place)
    this.#blocks = blocks
  }

  dump(): MetricsDump {
    const dumps: (FamilyDump & { readonly series: SeriesDump[] })[] = this.#families.map((head) => ({ ...head, series: [] }))
    for (const { family, labels, block, at } of this.#series) {
      const dump = dumps[family]
      const numbers = this.#blocks[block]
      if (dump === undefined || numbers === undefined) continue
      const width = dump.kind === 'histogram' ? dump.bounds.length + 2 : 1
      dump.series.push({ labels, values: Array.from(numbers.subarray(at, at + width)) })
    }
    return dumps
  }
}
