import { X509Certificate } from 'node:crypto'
import type { CertificateIr, GatewayIr } from '../config/ir.ts'
import type { Metrics } from '../core/observe.ts'
import { type MetricsDump, MetricsRegistry } from '../telemetry/metrics.ts'
import { readVersion } from './version.ts'

/** What the control process knows at the time of a scrape. */
export interface ControlFacts {
  readonly ir: GatewayIr | null
  /** Workers that serve the running revision. */
  readonly workersServing: number
  /** Workers that died unasked, since the start. */
  readonly workerDeaths: number
}

/** A chain in PEM; private keys may stand between. */
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

/**
 * What the control process tells of itself and of the configuration in force. Made anew for each scrape rather than counted: a revision or a
 * certificate that is gone leaves no series behind.
 */
export class ControlMetrics {
  readonly #version = readVersion()
  /** Certificates are parsed once for each configuration. */
  #certificates: { readonly ir: GatewayIr; readonly dump: MetricsDump } | null = null

  dump({ ir, workersServing, workerDeaths }: ControlFacts): MetricsDump {
    const metrics = new MetricsRegistry()
    const gauge = (name: string, help: string, value: number, labels = {}): void => metrics.gauge(name, help, labels).set(value)
    gauge('gateway_build_info', 'Version of the gateway and of Node; always 1.', 1, { version: this.#version, node: process.versions.node })
    gauge('gateway_control_memory_bytes', 'Resident memory of the control process.', process.memoryUsage.rss())
    gauge('gateway_workers_serving', 'Workers that serve the configuration in force.', workersServing)
    metrics.counter('gateway_worker_restarts_total', 'Workers that died unasked and were replaced.', {}).add(workerDeaths)
    if (ir === null) return metrics.dump()
    gauge('gateway_workers_wanted', 'Workers that the configuration asks for.', ir.workers)
    gauge('gateway_config_info', 'The revision of the configuration in force; always 1.', 1, { revision: ir.revision })
    if (this.#certificates?.ir !== ir) this.#certificates = { ir, dump: certificatesDump(ir) }
    return [...metrics.dump(), ...this.#certificates.dump]
  }
}

function certificatesDump(ir: GatewayIr): MetricsDump {
  const metrics = new MetricsRegistry({ seriesMax: ir.metrics.seriesMax })
  for (const { name, tls } of ir.listeners) for (const certificate of tls?.certificates ?? []) tellListener(metrics, name, certificate)
  for (const { name, tls } of ir.services) {
    if (tls?.cert == null) continue
    const help = 'When the certificate ends, or the first of its chain, that a service is shown.'
    metrics.gauge('gateway_service_certificate_expiry_timestamp_seconds', help, { service: name }).set(endsAtSeconds(tls.cert))
  }
  return metrics.dump()
}

function tellListener(metrics: Metrics, listener: string, { cert, hosts }: CertificateIr): void {
  const endsAt = endsAtSeconds(cert)
  for (const host of hosts.length === 0 ? [''] : hosts) {
    const help = 'When the certificate ends, or the first of its chain, that clients of a listener are shown for a host.'
    metrics.gauge('gateway_certificate_expiry_timestamp_seconds', help, { listener, host }).set(endsAt)
  }
}

/** Seconds since 1970. A chain is as good as the first of its certificates that ends. */
function endsAtSeconds(pem: string): number {
  const ends = (pem.match(PEM_CERTIFICATE) ?? []).map((text) => new X509Certificate(text).validToDate.getTime() / 1_000)
  return Math.min(...ends)
}
