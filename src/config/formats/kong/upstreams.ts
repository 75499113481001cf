/** Kong's upstreams: targets, how one is chosen, and which are well. */
import type { Healthchecks } from './healthcheck-schema.ts'
import { nodeOf } from './nodes.ts'
import type { Notes } from './notes.ts'
import { parseTarget } from './texts.ts'
import type { FidelityRules, KongDocument, UpstreamEntity, UpstreamFields, Written } from './types.ts'

export const UPSTREAM_RULES = {
  'algorithm#latency': {
    fidelity: 'approximated',
    reason: 'the less busy of two targets is taken, by requests under way and not by their times',
  },
  slots: { fidelity: 'approximated', reason: 'hashing has a ring of its own, and goes by weight whatever its size' },
  use_srv_name: { fidelity: 'approximated', reason: 'names of SRV records are not sent as Host; it is the name of the target' },
  'hash_on_cookie#attributes': {
    fidelity: 'approximated',
    reason:
      'the cookie that clients are given is `HttpOnly` and `SameSite=Lax`, and `Secure` over TLS; it goes to another target than with Kong',
  },
  'healthchecks.threshold': {
    fidelity: 'approximated',
    reason: 'a share of targets that are well is not asked for: the others are used for as long as there is one',
  },
  'healthchecks.passive.unhealthy#counters': {
    fidelity: 'approximated',
    reason: 'failures of all kinds are counted together, up to the smallest counter; statuses that Kong ignores end a row of failures',
  },
  'healthchecks.passive#recovery': {
    fidelity: 'approximated',
    reason: 'a target without active checks comes back after a day; with Kong somebody has to mark it healthy',
  },
  'healthchecks.active.unhealthy#counters': {
    fidelity: 'approximated',
    reason: 'checks that fail in any way are counted together, up to the smallest counter; a status is good or bad, never ignored',
  },
  'healthchecks.active.concurrency': { fidelity: 'approximated', reason: 'each target is checked at its own pace, all of them at once' },
  'healthchecks.active.type': {
    fidelity: 'approximated',
    reason: 'checks speak TLS as the service does, whether they are called http or https, grpc or grpcs',
  },
  'healthchecks.active.https_sni': { fidelity: 'approximated', reason: 'checks speak TLS as the service does' },
  'healthchecks.active.https_verify_certificate': { fidelity: 'approximated', reason: 'checks speak TLS as the service does' },
  targets: {
    fidelity: 'approximated',
    reason: 'an upstream without a target is written with one that has no weight, so that it is 503 as with Kong',
  },
  '#unused': {
    fidelity: 'approximated',
    reason: 'no service has its name for its `host`: it is left out, and its targets are not checked',
  },
} as const satisfies FidelityRules

/** Kong's default. */
const SLOTS = 10_000

type Say = (rule: keyof typeof UPSTREAM_RULES, path: readonly (string | number)[]) => void

/** Tells of upstreams that no service goes to: mostly a name that is written in two ways. */
export function noteUnusedUpstreams({ services, upstreams }: Pick<KongDocument, 'services' | 'upstreams'>, notes: Notes): void {
  const used = new Set(services.map(({ upstream }) => upstream))
  for (const upstream of upstreams) if (!used.has(upstream)) notes.note(upstream.label, UPSTREAM_RULES, '#unused', upstream.at)
}

/** What a service says of its targets. */
export function nativeUpstream(upstream: UpstreamEntity, notes: Notes): Readonly<Record<string, Written | undefined>> {
  const { fields, label } = upstream
  const say: Say = (rule, path) => notes.note(label, UPSTREAM_RULES, rule, upstream.locate(path))
  if (fields.algorithm === 'latency') say('algorithm#latency', ['algorithm'])
  if (fields.slots !== SLOTS) say('slots', ['slots'])
  if (fields.use_srv_name) say('use_srv_name', ['use_srv_name'])
  if (upstream.targets.length === 0) say('targets', ['targets'])
  return {
    targets: targetsOf(upstream),
    host: fields.host_header === undefined ? 'target' : nodeOf(fields.host_header, upstream.locate(['host_header'])),
    balancer: nodeOf(balancerOf(fields, say), upstream.locate(['algorithm'])),
    health: nodeOf(healthOf(fields, say), upstream.locate(['healthchecks'])),
  }
}

function targetsOf({ targets, at }: UpstreamEntity): Written {
  // Nothing is ever sent there: it has no weight.
  if (targets.length === 0) return nodeOf([{ address: '127.0.0.1:8000', weight: 0 }], at)
  return targets.map((target) => {
    const parsed = parseTarget(target.fields.target)
    return nodeOf({ address: parsed === null ? '' : `${parsed.host}:${parsed.port}`, weight: target.fields.weight }, target.at)
  })
}

function balancerOf(fields: UpstreamFields, say: Say): Written {
  if (fields.hash_on === 'none') {
    if (fields.algorithm === 'consistent-hashing') return 'random'
    if (fields.algorithm === 'latency') return 'power-of-two'
    return fields.algorithm
  }
  if (fields.hash_on === 'cookie' || fields.hash_fallback === 'cookie') say('hash_on_cookie#attributes', ['hash_on_cookie'])
  const by = hashKey(fields, 'on')
  const otherwise = hashKey(fields, 'fallback')
  return { kind: 'consistent-hash', by, otherwise, ...(by.startsWith('cookie:') && { setCookie: fields.hash_on_cookie_path }) }
}

function hashKey(fields: UpstreamFields, which: 'on' | 'fallback'): string {
  switch (fields[`hash_${which}`]) {
    case 'none':
      return 'random'
    case 'ip':
      return 'client-ip'
    case 'consumer':
      return 'consumer'
    case 'path':
      return 'path'
    case 'header':
      return `header:${fields[`hash_${which}_header`] ?? ''}`
    case 'cookie':
      return `cookie:${fields.hash_on_cookie ?? ''}`
    case 'query_arg':
      return `query:${fields[`hash_${which}_query_arg`] ?? ''}`
    case 'uri_capture':
      return `param:${fields[`hash_${which}_uri_capture`] ?? ''}`
  }
}

/** Longest times that the native form takes. */
const INTERVAL_MS_MAX = 3_600_000
const EJECTION_MS = 86_400_000

/** Kong checks nothing unless a counter says so, and all targets that are ill are out. */
function healthOf({ healthchecks }: UpstreamFields, say: Say): Written {
  const active = activeOf(healthchecks, say)
  const passive = passiveOf(healthchecks, active !== null, say)
  if (healthchecks.threshold > 0) say('healthchecks.threshold', ['healthchecks', 'threshold'])
  return { panicPercent: 0, ...(active !== null && { active }), ...(passive !== null && { passive }) }
}

function activeOf({ active }: Healthchecks, say: Say): Readonly<Record<string, Written>> | null {
  const { healthy, unhealthy } = active
  if (healthy.interval === 0 && unhealthy.interval === 0) return null
  const told = (rule: keyof typeof UPSTREAM_RULES): void => say(rule, ['healthchecks', 'active'])
  const counters = [unhealthy.tcp_failures, unhealthy.timeouts, unhealthy.http_failures]
  if (new Set(counters).size > 1) told('healthchecks.active.unhealthy#counters')
  if (active.concurrency !== 10) told('healthchecks.active.concurrency')
  if (active.type === 'https' || active.type === 'grpcs') told('healthchecks.active.type')
  if (active.https_sni !== undefined) told('healthchecks.active.https_sni')
  if (!active.https_verify_certificate) told('healthchecks.active.https_verify_certificate')
  const http = {
    path: active.http_path,
    ...(active.headers !== undefined && {
      headers: Object.fromEntries(Object.entries(active.headers).map(([name, values]) => [name, values.join(', ')])),
    }),
    statuses: httpStatuses(healthy.http_statuses),
  }
  return {
    kind: active.type.startsWith('grpc') ? 'grpc' : active.type === 'tcp' ? 'tcp' : 'http',
    // The others ask for nothing by HTTP, whatever is written.
    ...(active.type.startsWith('http') && http),
    interval: intervalOf(healthy.interval),
    unfitInterval: intervalOf(unhealthy.interval),
    timeout: Math.max(10, Math.round(active.timeout * 1_000)),
    unhealthyAfter: smallest(counters),
    healthyAfter: healthy.successes,
    endsEjections: true,
  }
}

/** Milliseconds. Kong's 0 is never, ours as seldom as can be. */
function intervalOf(seconds: number): number {
  return seconds === 0 ? INTERVAL_MS_MAX : Math.min(INTERVAL_MS_MAX, Math.max(100, Math.round(seconds * 1_000)))
}

function passiveOf({ passive }: Healthchecks, hasActive: boolean, say: Say): Readonly<Record<string, Written>> | null {
  const { tcp_failures: tcp, timeouts, http_failures: http, http_statuses: statuses } = passive.unhealthy
  const failures = smallest([tcp, timeouts, http])
  if (failures === 0) return null
  const at = ['healthchecks', 'passive']
  if (new Set([tcp, timeouts, http]).size > 1) say('healthchecks.passive.unhealthy#counters', at)
  if (!hasActive) say('healthchecks.passive#recovery', at)
  return {
    failures,
    statuses: http === 0 ? [] : httpStatuses(statuses),
    ejection: EJECTION_MS,
    ejectionMax: EJECTION_MS,
    ejectedPercentMax: 100,
    ejectsLast: true,
  }
}

/** Of the counters that count; 0 for none. */
function smallest(counters: readonly number[]): number {
  const counting = counters.filter((count) => count > 0)
  return counting.length === 0 ? 0 : Math.min(...counting)
}

/** Those that a service can answer with. */
function httpStatuses(statuses: readonly number[]): number[] {
  return [...new Set(statuses)].filter((status) => status >= 100 && status <= 599)
}
