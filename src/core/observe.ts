/** The event log: what an operator should know that is not about one request. pino's logger fits. */
export interface Logger {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** A number that only grows. Resolved once at load; adding is one typed-array write. */
export interface Counter {
  add(amount: number): void
}

/** A number that goes up and down. */
export interface Gauge {
  set(value: number): void
  add(amount: number): void
}

/** Observations sorted into buckets. */
export interface Histogram {
  observe(value: number): void
}

export type Labels = Readonly<Record<string, string>>

/** Series of one metric, where nothing else is configured. */
export const SERIES_MAX_DEFAULT = 10_000

/**
 * Where metrics are kept. Asking twice for one name and set of labels gives the same series, also across reloads. Beyond the
 * registry's bound on series of one name the overflow series of that name is given, whose label values all read `_other`.
 */
export interface Metrics {
  counter(name: string, help: string, labels: Labels): Counter
  gauge(name: string, help: string, labels: Labels): Gauge
  /** @param bounds upper bounds of the buckets, ascending, without infinity. */
  histogram(name: string, help: string, bounds: readonly number[], labels: Labels): Histogram
}

/** What is counted. */
export interface MetricsSettings {
  /** Series of one metric, beyond which they are counted as one; 1 and up. */
  readonly seriesMax: number
  /** Whether requests are counted by consumer too. */
  readonly byConsumer: boolean
  /** Whether what there is of the gateway is told under the names of Kong's metrics of a node too. */
  readonly kongNames: boolean
}

/** Metrics whose bound on series may be changed; what is there already stays. */
export interface BoundedMetrics extends Metrics {
  seriesMax: number
}
