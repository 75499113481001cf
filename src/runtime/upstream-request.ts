import type { RoutePlan } from '../compile/plan.ts'
import type { Exchange } from '../core/exchange.ts'
import type { UpstreamRequest } from '../http/h1/request-head.ts'

/** What is sent to a target for this exchange: the head as policies left it, with the Host that the service wants to see. */
export function upstreamRequest(exchange: Exchange, plan: RoutePlan, targetLabel: string, bodyLength: number): UpstreamRequest {
  const { request, forward } = exchange
  const authority = authorityFor(exchange, plan, targetLabel)
  if (authority !== null) request.headers.delete('Host')
  const { upgrade } = request
  return {
    method: request.method,
    target: forward.query === '' ? forward.path : `${forward.path}?${forward.query}`,
    authority,
    headers: request.headers,
    bodyLength,
    upgrade: upgrade !== '' && plan.ir?.upgrades.includes(upgrade) ? upgrade : '',
    expectsContinue: request.expectsContinue,
    minorVersion: request.minorVersion,
  }
}

/** The Host to write, or null when the client's line can stay where it is. */
function authorityFor({ forward, request }: Exchange, plan: RoutePlan, targetLabel: string): string | null {
  if (forward.authority !== '') return forward.authority
  const host = plan.service?.ir.host
  if (host?.kind === 'target') return targetLabel
  if (host?.kind === 'fixed') return host.value
  // HTTP/1.0 may have none, and the absolute form overrides it (RFC 9112, 3.2.2): what was matched is what is sent.
  return request.minorVersion === 1 && request.target.startsWith('/') ? null : request.authority
}
