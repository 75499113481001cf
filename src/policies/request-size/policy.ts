import { LENGTH_UNKNOWN } from '../../core/body.ts'
import type { PolicyDefinition } from '../../core/policy.ts'
import { refuse } from '../../core/reply.ts'
import type { RequestSizeOptions } from './schema.ts'

export const requestSize: PolicyDefinition<RequestSizeOptions> = {
  kind: 'request-size',
  summary: 'Bounds the size of request bodies and headers.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile({ bodyMax, headerBytesMax = Number.POSITIVE_INFINITY, requireLength }) {
    const bodyTooLarge = refuse('request_body_too_large')
    // Who asks first has sent nothing yet: another gateway tells that apart.
    const bodyNotWanted = refuse('request_body_too_large', null, [], undefined, 'not-continued')
    const lengthMissing = refuse('request_length_required')
    const headTooLarge = refuse('request_head_too_large')
    return {
      onRequest(exchange) {
        const { headers, expectsContinue } = exchange.request
        if (headers.end - headers.begin > headerBytesMax) return headTooLarge
        // A body of unknown length is counted as it comes, by the runtime.
        exchange.requestBodyBytesMax = bodyMax
        const { length } = exchange.downstream.requestBody
        if (length > bodyMax) return expectsContinue ? bodyNotWanted : bodyTooLarge
        return requireLength && length !== LENGTH_UNKNOWN && !headers.has('Content-Length') ? lengthMissing : undefined
      },
    }
  },
}
