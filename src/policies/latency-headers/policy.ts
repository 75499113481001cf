import type { Exchange } from '../../core/exchange.ts'
import type { PolicyDefinition } from '../../core/policy.ts'
import type { LatencyHeadersOptions } from './schema.ts'

const VIA = '1.1 turnpike'

export const latencyHeaders: PolicyDefinition<LatencyHeadersOptions> = {
  kind: 'latency-headers',
  summary: 'Tells the client how long the service took, and how long the gateway.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile({ service, gateway, response, via, server }, { clock }) {
    return {
      onAttempt(exchange) {
        if (exchange.sentAt === 0) exchange.sentAt = clock.now()
      },
      onResponse(exchange) {
        const { headers } = exchange.response
        const now = clock.now()
        if (!isFromService(exchange)) {
          headers.set(response, milliseconds(now - exchange.startedAt))
          if (server !== undefined) headers.set('Server', server)
          return undefined
        }
        // Nothing was sent: the whole time went by before.
        const sentAt = exchange.sentAt === 0 ? now : exchange.sentAt
        headers.set(service, milliseconds(now - sentAt))
        headers.set(gateway, milliseconds(sentAt - exchange.startedAt))
        if (via) {
          const before = headers.getJoined('Via')
          headers.set('Via', before === undefined || before === '' ? VIA : `${before}, ${VIA}`)
        }
        return undefined
      },
    }
  },
}

/** Whether a service was asked, for an answer or in vain, or has been for what is kept; a name without an address is no service yet. */
function isFromService({ attempts, isStored, error }: Exchange): boolean {
  return isStored || (attempts.length > 0 && error !== 'upstream_dns_failed')
}

function milliseconds(time: number): string {
  return String(Math.max(0, Math.trunc(time)))
}
