import type { PolicyDefinition } from '../../core/policy.ts'
import { refuse } from '../../core/reply.ts'
import type { RequestSizeOptions } from './schema.ts'

export const requestSize: PolicyDefinition<RequestSizeOptions> = {
  kind: 'request-size',
  summary: 'Bounds the size of request bodies and headers.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile({ bodyMax, headerBytesMax = Number.POSITIVE_INFINITY }) {
    const bodyTooLarge = refuse('request_body_too_large')
    const headTooLarge = refuse('request_head_too_large')
    return {
      onRequest(exchange) {
        const { headers } = exchange.request
        if (headers.end - headers.begin > headerBytesMax) return headTooLarge
        // A body of unknown length is counted as it comes, by the runtime.
        exchange.requestBodyBytesMax = bodyMax
        return exchange.downstream.requestBody.length > bodyMax ? bodyTooLarge : undefined
      },
    }
  },
}
