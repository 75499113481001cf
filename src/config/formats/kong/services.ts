/** Kong's services in the native form. */

import { tlsOf } from './certificates.ts'
import { nodeOf } from './nodes.ts'
import type { Notes } from './notes.ts'
import type { FidelityRules, ServiceEntity, Written } from './types.ts'
import { nativeUpstream } from './upstreams.ts'

export const SERVICE_RULES = {
  retries: { fidelity: 'approximated', reason: 'a request is tried at most 20 times in all' },
  read_timeout: {
    fidelity: 'approximated',
    reason:
      'it bounds the time from the end of the request head to the end of the response head, and then each silence within the response',
  },
  write_timeout: { fidelity: 'approximated', reason: 'sending is bounded together with the wait for an answer, by `read_timeout`' },
  tls_verify_depth: { fidelity: 'approximated', reason: 'chains of certificates are verified whatever their length' },
} as const satisfies FidelityRules

const ATTEMPTS_MAX = 20
/** Kong's default: who leaves it there has not asked for anything. */
const TIMEOUT_MS = 60_000
/** The longest that the native form takes. */
const DURATION_MS_MAX = 86_400_000
/** What a Kong worker's connections are bounded by. */
const CONNECTIONS_MAX = 16_384

/** A service with its targets. */
export function nativeService(service: ServiceEntity, notes: Notes): Readonly<Record<string, Written | undefined>> {
  const { fields, label, node, upstream } = service
  const at = (key: string, value: Written): Written => nodeOf(value, service.locate([key]))
  if (fields.readTimeoutMs !== TIMEOUT_MS) notes.note(label, SERVICE_RULES, 'read_timeout', service.locate(['read_timeout']))
  if (fields.writeTimeoutMs !== TIMEOUT_MS) notes.note(label, SERVICE_RULES, 'write_timeout', service.locate(['write_timeout']))
  if (node.entries.has('tls_verify_depth')) notes.note(label, SERVICE_RULES, 'tls_verify_depth', service.locate(['tls_verify_depth']))
  if (fields.retries + 1 > ATTEMPTS_MAX) notes.note(label, SERVICE_RULES, 'retries', service.locate(['retries']))
  const isGrpc = fields.protocol === 'grpc' || fields.protocol === 'grpcs'
  return {
    ...(upstream === null
      ? { targets: [at(node.entries.has('url') ? 'url' : 'host', `${bracketed(fields.host)}:${fields.port}`)], host: 'target' }
      : nativeUpstream(upstream, notes)),
    ...tlsOf(service),
    protocol: isGrpc ? 'h2' : 'http/1.1',
    connectTimeout: at('connect_timeout', Math.min(fields.connectTimeoutMs, DURATION_MS_MAX)),
    connectionsMax: CONNECTIONS_MAX,
    // Kong tries again as often as `retries` says, whatever else goes on.
    retryBudget: { ratio: 10, minPerSecond: 1_000_000 },
  }
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

/** What a route says of the tries of its service, and of their time. */
export function retryOf(service: ServiceEntity): Readonly<Record<string, Written | undefined>> {
  const { retries, connectTimeoutMs, readTimeoutMs } = service.fields
  const attempts = Math.min(retries + 1, ATTEMPTS_MAX)
  const attemptMs = Math.min(readTimeoutMs, DURATION_MS_MAX)
  const at = (key: string, value: Written): Written => nodeOf(value, service.locate([key]))
  return {
    timeout: at('read_timeout', Math.min(attempts * (attemptMs + connectTimeoutMs), DURATION_MS_MAX)),
    attemptTimeout: at('read_timeout', attemptMs),
    streamIdleTimeout: at('read_timeout', attemptMs),
    tunnel: { idleTimeout: at('read_timeout', attemptMs) },
    ...(attempts > 1 && { retry: { attempts: at('retries', attempts), backoff: 'constant', backoffBase: 0 } }),
  }
}
