import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import type { Gauge, Metrics } from '../core/observe.ts'

/** The monitor is a timer of this period, and tells the time between its calls: a loop that is never late shows the period itself. */
const RESOLUTION_MS = 20
/** What the gauges look back on, whoever scrapes and however often. */
const WINDOW_MS = 10_000
const NANOSECONDS = 1e9

const STATISTICS = ['p50', 'p99', 'max'] as const

/**
 * What a worker says of its process: memory, processor time, and how late its event loop runs. Reading them costs nothing until numbers are
 * asked for, but for a timer that the kernel calls fifty times a second.
 */
export class ProcessMetrics {
  readonly #resident: Gauge
  readonly #heap: Gauge
  readonly #utilization: Gauge
  readonly #delays: Readonly<Record<(typeof STATISTICS)[number], Gauge>>
  readonly #addCpu: (seconds: number) => void
  readonly #monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #timer: NodeJS.Timeout
  #hadWindow = false
  #cpuSeconds = 0
  #utilized = performance.eventLoopUtilization()

  /** @param worker its number: gauges of workers would be added up otherwise, and a late one would not be seen. */
  constructor(metrics: Metrics, worker: string) {
    const labels = { worker }
    this.#resident = metrics.gauge('gateway_worker_memory_bytes', 'Resident memory of a worker.', labels)
    this.#heap = metrics.gauge('gateway_worker_heap_bytes', 'Heap of JavaScript that a worker uses.', labels)
    this.#utilization = metrics.gauge(
      'gateway_worker_event_loop_utilization_ratio',
      'Share of the last ten seconds in which the event loop of a worker was busy: at 1 it can do no more.',
      labels,
    )
    const delay = (statistic: string): Gauge =>
      metrics.gauge('gateway_worker_event_loop_delay_seconds', 'How late the event loop of a worker ran in the last ten seconds.', {
        worker,
        statistic,
      })
    this.#delays = { p50: delay('p50'), p99: delay('p99'), max: delay('max') }
    // Not by worker: it outlives each of them, and would leave a series behind.
    const cpu = metrics.counter('gateway_worker_cpu_seconds_total', 'Processor time of all workers.', {})
    this.#addCpu = (seconds) => cpu.add(seconds)
    this.#monitor.enable()
    this.#timer = setInterval(() => this.#endWindow(), WINDOW_MS).unref()
  }

  /** Brings the numbers up to date. */
  update(): void {
    const { rss, heapUsed } = process.memoryUsage()
    this.#resident.set(rss)
    this.#heap.set(heapUsed)
    const { user, system } = process.cpuUsage()
    const cpuSeconds = (user + system) / 1e6
    this.#addCpu(cpuSeconds - this.#cpuSeconds)
    this.#cpuSeconds = cpuSeconds
    if (!this.#hadWindow) this.#readWindow()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#monitor.disable()
  }

  #endWindow(): void {
    this.#readWindow()
    this.#hadWindow = true
    this.#monitor.reset()
    this.#utilized = performance.eventLoopUtilization()
  }

  #readWindow(): void {
    const monitor = this.#monitor
    // Before its first call there is nothing, and the percentiles of nothing are no numbers to be shown.
    if (monitor.count === 0) return
    this.#delays.p50.set(lateSeconds(monitor.percentile(50)))
    this.#delays.p99.set(lateSeconds(monitor.percentile(99)))
    this.#delays.max.set(lateSeconds(monitor.max))
    this.#utilization.set(performance.eventLoopUtilization(this.#utilized).utilization)
  }
}

function lateSeconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1_000)
}
