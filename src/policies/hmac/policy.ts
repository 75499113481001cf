import { reviewTerms } from '../../core/authentication-terms.ts'
import type { PolicyDefinition, Remark } from '../../core/policy.ts'
import type { HmacOptions } from './schema.ts'

/** Loaded where signatures are checked. */
let gate: typeof import('./gate.ts') | null = null

export const hmac: PolicyDefinition<HmacOptions> = {
  kind: 'hmac',
  summary: 'Lets pass who has signed the request with the secret of a consumer.',
  identifies: true,
  authenticates: true,
  loadSchema: () => import('./schema.ts').then((module) => module.schema),

  review(options, around) {
    const { requiredHeaders } = options
    const covers = (...names: readonly string[]): boolean => names.some((name) => requiredHeaders.includes(name))
    const missing = [
      ...(covers('(request-target)', '@request-target', 'request-line') ? [] : ['`(request-target)`: it holds for any other request too']),
      ...(covers('date', 'x-date') ? [] : ['`date`: who has seen it may send it again for ever']),
    ]
    const uncovered = missing.map(
      (what): Remark => ({
        severity: 'warning',
        path: ['requiredHeaders'],
        message: `a signature need not cover ${what}`,
      }),
    )
    return [...uncovered, ...reviewTerms(options, around)]
  },

  async load() {
    gate ??= await import('./gate.ts')
  },

  compile(options, context) {
    if (gate === null) throw new Error('the gate is loaded before policies are compiled')
    return new gate.SignatureGate(options, context).steps()
  },
}
