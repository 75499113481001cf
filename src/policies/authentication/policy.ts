import { ANONYMOUS, admit, isMissing } from '../../core/caller.ts'
import type { Exchange } from '../../core/exchange.ts'
import { didYouMean } from '../../core/nearest.ts'
import type { PolicyDefinition, Remark, Verdict } from '../../core/policy.ts'
import { refuse } from '../../core/reply.ts'
import type { AuthenticationOptions } from './schema.ts'

export const authentication: PolicyDefinition<AuthenticationOptions> = {
  kind: 'authentication',
  summary: 'Says how several policies that authenticate go together, and who may pass without a credential.',
  identifies: true,
  loadSchema: () => import('./schema.ts').then((module) => module.schema),

  review({ anonymous }, { authenticates, consumers }) {
    const remarks: Remark[] = []
    if (!authenticates) {
      const message =
        'no policy that authenticates (`client-certificate`, `jwt`, `api-key`, `basic`, `hmac`) is in force here: nobody could pass'
      remarks.push({ severity: 'error', path: [], message })
    }
    if (anonymous !== undefined && !consumers.has(anonymous)) {
      remarks.push({
        severity: 'error',
        path: ['anonymous'],
        message: `there is no consumer \`${anonymous}\`${didYouMean(anonymous, consumers)}`,
      })
    }
    return remarks
  },

  compile({ require, anonymous }, { consumers }) {
    const nobody = anonymous === undefined ? undefined : consumers.byName(anonymous)
    if (anonymous !== undefined && nobody === undefined) throw new Error(`authentication: there is no consumer ${anonymous}`)
    const anyOf = require === 'any' || anonymous !== undefined
    return {
      ...(anyOf && {
        onGuard: ({ caller }: Exchange): Verdict => {
          caller.anyOf = true
          return undefined
        },
      }),
      onRequest(exchange) {
        const { caller } = exchange
        if (caller.isKnown) return undefined
        const { refusal } = caller
        const hasNone = refusal === null || isMissing(refusal)
        if (nobody === undefined || !hasNone) return refusal ?? MISSING
        exchange.trace?.note(`no credential: taken for consumer ${nobody.name}`)
        return admit(exchange, { method: ANONYMOUS, consumer: nobody })
      },
    }
  },
}

/** Only where none of the policies that authenticate acts, being all in shadow; so there is no scheme to name. */
const MISSING = refuse('credentials_missing')
