/** What Kong does to every request without any plugin, in the native form: `reference/kong-semantics.md` 2.5 and 2.9. */
import { normalisePath } from '../../../core/path.ts'
import { nodeOf } from './nodes.ts'
import type { FidelityRules, RouteEntity, ServiceEntity, Written } from './types.ts'

export const CORE_RULES = {
  'strip_path#dots': {
    fidelity: 'approximated',
    reason: 'where stripping leaves a dot segment (`/foo` of `/foo../x`), Kong drops the dots; here the request is refused with 400',
  },
  'headers#names': { fidelity: 'approximated', reason: '`Via` and `Server` name turnpike' },
  'headers#error': { fidelity: 'approximated', reason: 'refusals carry `Turnpike-Error` besides, which names their cause' },
  'headers#claims': {
    fidelity: 'approximated',
    reason: '`Forwarded`, `X-Forwarded-Scheme` and `X-Forwarded-Ssl` of clients that are not trusted do not reach services',
  },
  real_ip_header: { fidelity: 'approximated', reason: 'of trusted proxies `X-Forwarded-For` says who the client is, not `X-Real-IP`' },
} as const satisfies FidelityRules

type Policies = Readonly<Record<string, Written>>

/** Policies for every request. */
export const CORE_POLICIES: Policies = {
  'request-id': { header: 'X-Kong-Request-Id', trustClient: 'never', format: 'hex' },
  'forwarded-headers': { appendUntrusted: true, hostPort: false, completePort: true, path: true, realIp: true },
  'headers:hop-by-hop': { request: { remove: ['Proxy'] } },
  'latency-headers': {
    service: 'X-Kong-Upstream-Latency',
    gateway: 'X-Kong-Proxy-Latency',
    response: 'X-Kong-Response-Latency',
    via: true,
    server: 'turnpike',
  },
}

/** For the routes of a service: what nearly all of them say. */
export function corePoliciesOfService(service: ServiceEntity): Policies {
  return { rewrite: rewriteOf(service, true, false) }
}

/** For a route that says otherwise than those. */
export function corePoliciesOfRoute({ fields, service }: RouteEntity): Policies {
  if (service === null || (fields.stripPath && !fields.preserveHost)) return {}
  return { rewrite: rewriteOf(service, fields.stripPath, fields.preserveHost) }
}

function rewriteOf({ fields, locate }: ServiceEntity, stripPath: boolean, preserveHost: boolean): Written {
  const path = fields.path ?? '/'
  // Calls keep their path: nginx hands on that of the request.
  const strips = stripPath && !fields.protocol.startsWith('grpc')
  return {
    basePath: nodeOf(normalisePath(path) ?? path, locate(['path'])),
    keepEmptyQuery: true,
    ...(strips && { stripMatched: true, forwardedPrefix: true }),
    ...(preserveHost && { preserveHost: true }),
  }
}
