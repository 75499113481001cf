import type { Exchange } from '../../core/exchange.ts'
import type { PolicyDefinition } from '../../core/policy.ts'
import type { RequestIdOptions } from './schema.ts'

/** What a kept id may look like: it ends up in logs, in metrics exemplars and in other systems' queries. */
const ACCEPTABLE = /^[A-Za-z0-9._~:/+=-]{1,128}$/

export const requestId: PolicyDefinition<RequestIdOptions> = {
  kind: 'request-id',
  summary: 'Gives every request an id that the service, the response and all records share.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile({ header, trustClient, format, respond }, { clock }) {
    const onRequest = (exchange: Exchange): undefined => {
      const { headers } = exchange.request
      const isTrusted = trustClient === 'always' || (trustClient === 'trusted-proxies' && exchange.client.trusted)
      if (isTrusted) {
        const sent = headers.getAll(header)
        const only = sent.length === 1 ? sent[0] : undefined
        // Two ids are none: which one another system would take is anybody's guess.
        if (only !== undefined && ACCEPTABLE.test(only)) {
          exchange.requestId = only
          return
        }
      }
      exchange.requestId = format === 'hex' ? clock.uuid().replaceAll('-', '') : clock.uuid()
      headers.setKnown(header, exchange.requestId)
    }
    if (!respond) return { onRequest }
    return {
      onRequest,
      onResponse(exchange) {
        // Made here, or found acceptable.
        if (exchange.requestId !== '') exchange.response.headers.setKnown(header, exchange.requestId)
        return undefined
      },
    }
  },
}
