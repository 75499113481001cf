import { z } from '../core/schema.ts'
import { PROMETHEUS_CONTENT_TYPE } from '../telemetry/prometheus.ts'
import { type Answer, json, problem } from './answer.ts'
import { compressed } from './compressed.ts'
import { dnsView } from './dns-view.ts'
import type { Endpoint } from './endpoint.ts'
import type { AdminParts } from './parts.ts'
import { servicesSchema } from './services-schema.ts'
import { servicesView } from './services-view.ts'

/** Whether it lives, whether it serves, and what it sees. */
export const STATE_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/healthz',
    role: 'public',
    summary: 'Says that the control process lives. Whoever reaches the port may ask.',
    response: { schema: () => z.object({ status: z.literal('alive') }), description: 'It lives.' },
    answer: () => json({ status: 'alive' }),
  },
  {
    method: 'GET',
    path: '/readyz',
    role: 'public',
    summary: 'Says whether a worker serves. Whoever reaches the port may ask.',
    response: { schema: readySchema, description: 'Somebody serves.' },
    problems: { 503: 'It starts, shuts down, or no worker serves.' },
    answer: ready,
  },
  {
    method: 'GET',
    path: '/metrics',
    role: 'public',
    summary: 'Metrics in the text format of Prometheus, summed over all workers.',
    response: { type: 'text/plain', schema: null, description: 'Metrics; in gzip where the client takes that.' },
    answer: async (parts, { request }) => compressed(request, { status: 200, type: PROMETHEUS_CONTENT_TYPE, body: await parts.metrics() }),
  },
  {
    method: 'GET',
    path: '/whoami',
    role: 'read',
    summary: 'Whose token this is, and what it may do.',
    response: { schema: () => z.object({ name: z.string(), role: z.enum(['read', 'write']) }), description: 'The token is known.' },
    answer: (_parts, { caller }) => json({ name: caller?.name ?? '', role: caller?.role ?? 'read' }),
  },
  {
    method: 'GET',
    path: '/services',
    role: 'read',
    summary: 'Breakers, health of targets, what is in flight and waits, of all workers.',
    response: { schema: servicesSchema, description: 'What the workers know of their services.' },
    answer: async (parts, { request }) => compressed(request, json(servicesView(await parts.services(), parts.discoveries?.()))),
  },
  {
    method: 'GET',
    path: '/dns',
    role: 'read',
    summary: 'What is known of names in the DNS.',
    response: { schema: dnsSchema, description: 'For each service that is found in the DNS.' },
    answer: (parts) => json(dnsView(parts.discoveries?.())),
  },
]

function readySchema() {
  return z.object({
    status: z.literal('ready'),
    workersServing: z.int(),
    workersWanted: z.int(),
    runningRevision: z.string().nullable(),
    wantedRevision: z.string().nullable().describe('Of the newest configuration that could be read.'),
  })
}

/**
 * Ready means that somebody serves. A newer configuration that was refused makes no instance unready: a wrong file that reaches
 * all instances would otherwise take all of them out of the load balancer, while each still serves the old one.
 */
function ready(parts: AdminParts): Answer {
  const { phase, workersServing, workersWanted, runningRevision, wantedRevision } = parts.status()
  if (phase === 'draining') return problem(503, 'The gateway is shutting down.')
  if (phase === 'starting') return problem(503, 'The gateway is starting.')
  if (workersServing === 0) return problem(503, 'No worker serves: all have died and are being replaced.')
  return json({ status: 'ready', workersServing, workersWanted, runningRevision, wantedRevision })
}

function dnsSchema() {
  const lookup = z.object({
    name: z.string(),
    type: z.string(),
    records: z.array(z.string()).nullable().describe('In force; null while nobody has answered yet.'),
    askedAgainInMs: z.number().nullable().describe('Null while it is being asked for.'),
    lastAskedAt: z.string().nullable(),
    server: z.string().nullable(),
    lastError: z.string().nullable(),
  })
  const service = z.object({
    name: z.string(),
    targets: z.int().nullable().describe('Null when there was no answer yet.'),
    degraded: z.string().nullable().describe('Why the last good answer is in force although its time is over.'),
    lookups: z.array(lookup),
  })
  return z.object({ services: z.array(service) })
}
