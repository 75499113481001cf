import type { RoutePlan } from '../compile/plan.ts'
import type { Exchange, TunnelBounds } from '../core/exchange.ts'
import { type Reply, refuse } from '../core/reply.ts'
import { type HandshakeFault, handshakeFault, WEBSOCKET_VERSION } from '../http/websocket-handshake.ts'

const REFUSALS: Readonly<Record<HandshakeFault, Reply>> = {
  method: refuse('request_malformed', 'A WebSocket begins with GET'),
  key: refuse('request_malformed', 'Sec-WebSocket-Key is missing or malformed'),
  // RFC 6455, 4.4: the client is told which version would do.
  version: refuse('request_malformed', 'This version of the WebSocket protocol is not spoken', [
    ['Sec-WebSocket-Version', WEBSOCKET_VERSION],
  ]),
}

/** What a request for an upgrade is answered with when it is none that could be forwarded; null for all others. */
export function upgradeReply({ request }: Exchange, { ir }: RoutePlan): Reply | null {
  if (request.upgrade !== 'websocket' || ir?.upgrades.includes('websocket') !== true) return null
  const fault = handshakeFault(request)
  return fault === null ? null : REFUSALS[fault]
}

/** How long a tunnel of this route may last. */
export function tunnelBounds({ ir }: RoutePlan): TunnelBounds {
  return ir?.tunnel ?? NOT_AT_ALL
}

/** Where no service is asked, none switches protocols. */
const NOT_AT_ALL: TunnelBounds = { idleTimeoutMs: 0, lifetimeMs: 0 }
