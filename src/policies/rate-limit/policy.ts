import type { PolicyDefinition, PolicySteps } from '../../core/policy.ts'
import { review } from './review.ts'
import type { RateLimitOptions } from './schema.ts'

/** Loaded where something is limited. */
let parts: typeof import('./limiter.ts') | null = null

export const rateLimit: PolicyDefinition<RateLimitOptions> = {
  kind: 'rate-limit',
  summary: 'Limits how often clients may call, by address, user, consumer, API key, header, route or service.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  review,
  async load() {
    parts ??= await import('./limiter.ts')
  },
  compile(options, context): PolicySteps {
    if (parts === null) throw new Error('the limiter is loaded before policies are compiled')
    const limiter = new parts.RateLimiter(options, context)
    return {
      ...(limiter.guards && { onGuard: (exchange) => limiter.guard(exchange) }),
      onRequest: (exchange) => limiter.take(exchange),
      onResponse: (exchange) => limiter.respond(exchange),
      ...(limiter.guards && { onFinish: (exchange, outcome) => limiter.finish(exchange, outcome) }),
      limits: limiter.view,
    }
  },
}
