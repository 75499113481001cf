import type { RoutePlan } from '../compile/plan.ts'
import type { Exchange } from '../core/exchange.ts'
import type { UpstreamRequest } from '../http/h1/request-head.ts'
import type { Service } from '../upstream/service.ts'

/** The method that the service is sent. */
export function sentMethod({ request, forward }: Exchange): string {
  return forward.method === '' ? request.method : forward.method
}

/** What is sent to a target for this exchange: the head as policies left it, with the Host that the service wants to see. */
export function upstreamRequest(
  exchange: Exchange,
  plan: RoutePlan,
  service: Service | null,
  targetLabel: string,
  bodyLength: number,
): UpstreamRequest {
  const { request, forward } = exchange
  // Only a copy of ours may say that it is one: a service may leave the effects of copies out.
  request.headers.deleteForged('turnpike-mirror')
  const authority = authorityFor(exchange, service, targetLabel)
  if (authority !== null) request.headers.delete('Host')
  const { upgrade } = request
  return {
    method: sentMethod(exchange),
    target: forward.query === '' ? forward.path : `${forward.path}?${forward.query}`,
    authority,
    headers: request.headers,
    bodyLength,
    upgrade: upgrade !== '' && plan.ir?.upgrades.includes(upgrade) ? upgrade : '',
    expectsContinue: request.expectsContinue,
    version: request.majorVersion === 2 ? '2' : request.minorVersion === 1 ? '1.1' : '1.0',
    acceptsTrailers: request.acceptsTrailers,
  }
}

/** The Host to write, or null when the client's line can stay where it is. */
function authorityFor({ forward, request }: Exchange, service: Service | null, targetLabel: string): string | null {
  if (forward.authority !== '') return forward.authority
  const host = service?.ir.host
  if (host?.kind === 'target') return targetLabel
  if (host?.kind === 'fixed') return host.value
  // HTTP/2 has none, HTTP/1.0 may have none, and the absolute form overrides it (RFC 9112, 3.2.2): what was matched is what is sent.
  return request.minorVersion === 1 && request.target.startsWith('/') ? null : request.authority
}
