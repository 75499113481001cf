import type { RoutePlan } from '../compile/plan.ts'
import { LENGTH_UNKNOWN } from '../core/body.ts'
import type { Exchange } from '../core/exchange.ts'
import { isGrpcType } from '../core/grpc.ts'
import type { UpstreamRequest } from '../http/h1/request-head.ts'
import type { Service } from '../upstream/service.ts'

/** The method that the service is sent. */
export function sentMethod({ request, forward }: Exchange): string {
  return forward.method === '' ? request.method : forward.method
}

/** Whether what goes to the service is a call of gRPC, whatever the client speaks. */
export function isGrpcCall(exchange: Exchange): boolean {
  return sentMethod(exchange) === 'POST' && isGrpcType(exchange.request.headers.get('Content-Type'))
}

/** The protocol that the service is asked to switch to: what the client asks for, where the route allows it. Empty for none. */
export function sentUpgrade({ request: { upgrade } }: Exchange, plan: RoutePlan | null): string {
  return upgrade !== '' && plan?.ir?.upgrades.includes(upgrade) === true ? upgrade : ''
}

/** What is sent to a target for this exchange: the head as policies left it, with the Host that the service wants to see. */
export function upstreamRequest(
  exchange: Exchange,
  plan: RoutePlan,
  service: Service | null,
  targetAuthority: string,
  { bodyLength, isGrpc }: { readonly bodyLength: number; readonly isGrpc: boolean },
): UpstreamRequest {
  const { request, forward } = exchange
  // Only a copy of ours may say that it is one: a service may leave the effects of copies out.
  request.headers.deleteForged('turnpike-mirror')
  // What is signed with the gateway's own secret is nothing to a service.
  request.headers.deleteForged('turnpike-debug')
  const authority = authorityFor(exchange, service, targetAuthority)
  if (authority !== null) request.headers.delete('Host')
  // A body that is translated has another length, which nobody knows yet: by the client's the service would take the rest for a request.
  if (bodyLength === LENGTH_UNKNOWN && exchange.requestFilter !== null) request.headers.delete('Content-Length')
  return {
    method: sentMethod(exchange),
    target: forward.query === '' && !forward.emptyQuery ? forward.path : `${forward.path}?${forward.query}`,
    authority,
    headers: request.headers,
    bodyLength,
    upgrade: sentUpgrade(exchange, plan),
    expectsContinue: request.expectsContinue,
    version: request.majorVersion === 2 ? '2' : request.minorVersion === 1 ? '1.1' : '1.0',
    // The status of a call comes in trailers, which who translates reads, if not the client.
    acceptsTrailers: request.acceptsTrailers || isGrpc,
  }
}

/** The Host to write, or null when the client's line can stay where it is. */
function authorityFor({ forward, request }: Exchange, service: Service | null, targetAuthority: string): string | null {
  if (forward.authority !== '') return forward.authority
  const host = service?.ir.host
  if (host?.kind === 'target') return targetAuthority
  if (host?.kind === 'fixed') return host.value
  // HTTP/2 has none, HTTP/1.0 may have none, and the absolute form overrides it (RFC 9112, 3.2.2): what was matched is what is sent.
  return request.minorVersion === 1 && request.target.startsWith('/') ? null : request.authority
}
