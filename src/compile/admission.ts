import type { ProtocolsIr } from '../config/ir.ts'
import type { Exchange } from '../core/exchange.ts'
import { answer, type Reply, refuse } from '../core/reply.ts'

/** RFC 9110, 15.5.22: 426 names what to speak; the field is the connection's own (7.8). */
function upgradeTo(protocols: string, reason: string, detail: string): Reply {
  const fields: Reply['headers'] = [
    ['Connection', 'Upgrade'],
    ['Upgrade', protocols],
  ]
  return refuse('upgrade_required', detail, fields, undefined, reason)
}

const HTTPS = upgradeTo('TLS/1.2, HTTP/1.1', 'https', 'This route asks for https')
const HTTP2 = upgradeTo('HTTP/2', 'http2', 'gRPC asks for HTTP/2')
const GRPC_TLS = refuse('upgrade_required', 'This route asks for TLS', [], undefined, 'grpc-tls')
const GRPC = refuse('grpc_required')
const NO_HOST = refuse('request_malformed', 'The redirect to https needs a valid Host')
/** A host, with or without port, that can stand in a URL without ending its authority. */
const HOST = /^([a-z0-9._~-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i

/** What looks at whether a request comes by one of a route's protocols; see {@link RoutePlan.admission}. */
export function admissionOf({ tls, grpc, httpsRedirect }: ProtocolsIr): (exchange: Exchange) => Reply | null {
  return (exchange) => {
    if (tls && !grpc && !isSecure(exchange)) return httpsRedirect === null ? HTTPS : redirect(exchange, httpsRedirect)
    if (!grpc) return null
    const { headers, majorVersion } = exchange.request
    if (headers.get('Content-Type')?.startsWith('application/grpc') !== true) return GRPC
    if (majorVersion !== 2) return HTTP2
    return tls && !isSecure(exchange) ? GRPC_TLS : null
  }
}

/** A trusted proxy in front may have ended TLS, and says so. */
function isSecure({ request, client }: Exchange): boolean {
  const told = client.trusted ? request.headers.getJoined('X-Forwarded-Proto') : undefined
  return (told ?? request.scheme) === 'https'
}

/** To the same URL by https, on its usual port. */
function redirect({ request, client }: Exchange, status: number): Reply {
  const { target, path, query } = request
  // Many a proxy hands on what its client said there: `evil.example/#` in front of the path would lead elsewhere. Of a chain the first is meant.
  const told = client.trusted ? request.headers.get('X-Forwarded-Host')?.split(',', 1)[0]?.trim() : undefined
  const host = told ?? request.host
  if (!HOST.test(host)) return NO_HOST
  const asked = target.startsWith('/') ? target : `${path}${query === '' ? '' : `?${query}`}`
  return answer(status, [['Location', `https://${host}${asked}`]])
}
