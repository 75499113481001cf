/** How long the control process waits for its workers, in milliseconds. */
export interface WorkerTimeouts {
  /** For a configuration to be compiled and listeners to be opened; 30 s by default. */
  readonly prepareMs: number
  readonly commitMs: number
  readonly metricsMs: number
  /** For what an operator asks of workers: the states of services, a purge. 5 s by default. */
  readonly askMs: number
  /** How often workers are asked whether they live; every fifth time also for their numbers. 3 s by default. */
  readonly pollMs: number
  /** A worker whose loop has not turned for so long is killed; 10 s by default. */
  readonly pingMs: number
  /** What a worker may take beyond the drain's own bound before it is killed. */
  readonly exitMs: number
}

export const TIMEOUTS: WorkerTimeouts = {
  prepareMs: 30_000,
  commitMs: 10_000,
  metricsMs: 2_000,
  askMs: 5_000,
  pollMs: 3_000,
  pingMs: 10_000,
  exitMs: 3_000,
}
