import cluster from 'node:cluster'
import { systemClock } from '../core/clock.ts'
import type { BoundedMetrics, Logger, Metrics } from '../core/observe.ts'
import type { DataPlane, Notice, NoticeMessage } from '../runtime/control-protocol.ts'
import { WorkerHost } from '../runtime/worker.ts'
import { AccessLog } from '../telemetry/access-log.ts'
import { createEventLog } from '../telemetry/event-log.ts'
import { MetricsRegistry } from '../telemetry/metrics.ts'
import type { MetricsPosition } from '../telemetry/metrics-mirror.ts'
import { ProcessMetrics } from '../telemetry/process-metrics.ts'
import { RecordSinks } from '../telemetry/record-sinks.ts'
import { Tracing } from '../telemetry/tracing.ts'
import { LoggedPlane, type WorkerTelemetry } from './worker-plane.ts'

/** What a data plane is made of in a worker. */
export interface PlaneParts {
  readonly log: Logger
  readonly metrics: BoundedMetrics
  readonly accessLog: AccessLog
  readonly tracing: Tracing
  readonly outputs: RecordSinks
  /** Says something to the control process. */
  readonly tell: (notice: Notice) => void
}

/** Wires a worker process and has it serve until the control process says otherwise. */
export function serveWorker(createPlane: (parts: PlaneParts) => DataPlane): void {
  const { worker } = cluster
  if (worker === undefined) throw new Error('this program is started by `turnpike start` only')
  // Otherwise Node ends a worker at once whose control process is gone, in the middle of its requests.
  worker.exitedAfterDisconnect = true
  // Ctrl-C and a service manager signal the whole group: it is the control process that says what to do.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {})

  const log = createEventLog({ fields: { worker: worker.id } })
  const metrics = new MetricsRegistry()
  const accessLog = new AccessLog({ log })
  const tracing = new Tracing({ clock: systemClock, log })
  const outputs = new RecordSinks({ log, metrics })
  const plane = new LoggedPlane(createPlane({ log, metrics, accessLog, tracing, outputs, tell }), { accessLog, eventLog: log, tracing })
  new WorkerHost({
    plane,
    channel: process,
    log,
    dumpMetrics: metricsDumper(metrics, { accessLog, eventLog: log, tracing }),
    reopenLogs: () => {
      accessLog.reopen()
      outputs.reopen()
      log.reopen()
    },
    exit: async () => {
      await Promise.all([accessLog.close(), tracing.close(), outputs.close(), log.close()])
      process.exit(0)
    },
  }).start()
}

/** Without a control process there are no other workers to be told, and this one drains. */
function tell(notice: Notice): void {
  if (process.connected) process.send?.({ type: 'turnpike-notice', notice } satisfies NoticeMessage)
}

/** Dumps the metrics, with those of the process itself brought up to date. */
function metricsDumper(metrics: MetricsRegistry, { accessLog, eventLog, tracing }: WorkerTelemetry) {
  const dropped = new Drops(metrics, 'gateway_access_log_dropped_total', 'Access-log lines lost because an output was slow or away.')
  const eventsDropped = new Drops(metrics, 'gateway_event_log_dropped_total', 'Lines of the event log lost by outputs besides stderr.')
  const spansDropped = metrics.counter('gateway_trace_spans_dropped_total', 'Spans lost because their receiver was slow or away.', {})
  let spansTold = 0
  const ofProcess = new ProcessMetrics(metrics, String(cluster.worker?.id ?? ''))
  return (known: MetricsPosition) => {
    dropped.update(accessLog.dropped())
    eventsDropped.update(eventLog.dropped())
    spansDropped.add(tracing.dropped - spansTold)
    spansTold = tracing.dropped
    ofProcess.update()
    return metrics.update(known)
  }
}

/** Lost lines by the kind of output, as a counter. */
class Drops {
  readonly #metrics: Metrics
  readonly #name: string
  readonly #help: string
  readonly #told = new Map<string, number>()

  constructor(metrics: Metrics, name: string, help: string) {
    this.#metrics = metrics
    this.#name = name
    this.#help = help
  }

  update(totals: ReadonlyMap<string, number>): void {
    for (const [output, total] of totals) {
      this.#metrics.counter(this.#name, this.#help, { output }).add(total - (this.#told.get(output) ?? 0))
      this.#told.set(output, total)
    }
  }
}
