import type { PolicyDefinition, PolicySteps } from '../../core/policy.ts'
import { Cache } from './cache.ts'
import { review } from './review.ts'
import type { CacheOptions } from './schema.ts'

export const cache: PolicyDefinition<CacheOptions> = {
  kind: 'cache',
  summary: 'Keeps responses and answers with them: as HTTP says (RFC 9111), or for a fixed time.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  review,
  compile(options, context): PolicySteps {
    const steps = new Cache(options, context)
    return {
      onRequest: (exchange) => steps.request(exchange),
      onStore: (exchange) => steps.response(exchange),
      onResponse: (exchange) => steps.tell(exchange),
      onFinish: (exchange) => steps.finish(exchange),
    }
  },
}
