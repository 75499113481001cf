import type { PolicyDefinition, PolicySteps } from '../../core/policy.ts'
import { review } from './review.ts'
import type { CacheOptions } from './schema.ts'

/** Loaded where responses are kept. */
let parts: typeof import('./cache.ts') | null = null

export const cache: PolicyDefinition<CacheOptions> = {
  kind: 'cache',
  summary: 'Keeps responses and answers with them: as HTTP says (RFC 9111), or for a fixed time.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  async load() {
    parts ??= await import('./cache.ts')
  },
  review,
  compile(options, context): PolicySteps {
    if (parts === null) throw new Error('the cache is loaded before policies are compiled')
    const steps = new parts.Cache(options, context)
    return {
      onRequest: (exchange) => steps.request(exchange),
      onStore: (exchange) => steps.response(exchange),
      onResponse: (exchange) => steps.tell(exchange),
      onFinish: (exchange) => steps.finish(exchange),
    }
  },
}
