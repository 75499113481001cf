import type { PolicyDefinition } from '../../core/policy.ts'
import { review } from './review.ts'
import type { TransformOptions } from './schema.ts'

/** Loaded where something is changed. */
let steps: typeof import('./steps.ts') | null = null

export const transform: PolicyDefinition<TransformOptions> = {
  kind: 'transform',
  summary: 'Changes requests and responses: method, path, query, headers, status and JSON bodies.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  review,
  async load() {
    steps ??= await import('./steps.ts')
  },
  compile(options) {
    if (steps === null) throw new Error('the steps are loaded before policies are compiled')
    return steps.transformSteps(options)
  },
}
