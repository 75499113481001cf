/** How a policy that authenticates goes together with those beside it, and what becomes of strangers. */
import { ANONYMOUS, admit, type Consumer, deny } from './caller.ts'
import type { ConsumerDirectory } from './consumers.ts'
import type { Exchange } from './exchange.ts'
import { didYouMean } from './nearest.ts'
import type { PolicySurroundings, Remark, Verdict } from './policy.ts'
import { type Reply, refuse } from './reply.ts'

/** The options that say it; their schema is in `authentication-options.ts`. */
export interface TermsOptions {
  readonly anonymous?: string | undefined
  readonly replaces: boolean
}

export interface AuthenticationTerms {
  /** Who a caller without a valid credential is taken for; null where such callers are refused. */
  readonly anonymous: Consumer | null
  /** The answer to them where that consumer is not there; null otherwise. */
  readonly absent: Reply | null
  readonly replaces: boolean
}

export function termsOf({ anonymous, replaces }: TermsOptions, consumers: ConsumerDirectory): AuthenticationTerms {
  const consumer = anonymous === undefined ? undefined : consumers.byName(anonymous)
  const isAbsent = anonymous !== undefined && consumer === undefined
  return {
    anonymous: consumer ?? null,
    absent: isAbsent ? { ...refuse('internal_error', null, [], undefined, 'anonymous-absent'), about: anonymous } : null,
    replaces,
  }
}

/** Whether this policy need not look: another credential was enough, and this one is not asked for beside it. */
export function isSpared({ caller }: Exchange, { anonymous, absent }: AuthenticationTerms): boolean {
  return caller.isSettled || (caller.isVerified && (anonymous !== null || absent !== null))
}

/** What becomes of a caller whose credential is missing or wrong. */
export function turnAway(exchange: Exchange, refusal: Reply, { anonymous, absent }: AuthenticationTerms): Verdict {
  if (anonymous === null) return absent ?? deny(exchange, refusal)
  exchange.trace?.note(`taken for consumer ${anonymous.name}`)
  return admit(exchange, { method: ANONYMOUS, consumer: anonymous, credentialId: '' })
}

/** What is to be said of the options at check time. */
export function reviewTerms({ anonymous }: TermsOptions, { consumers }: PolicySurroundings): readonly Remark[] {
  if (anonymous === undefined || consumers.has(anonymous)) return []
  const message = `who has no valid credential is answered with 500: there is no consumer \`${anonymous}\`${didYouMean(anonymous, consumers)}`
  return [{ severity: 'warning', path: ['anonymous'], message }]
}
