import type { ErrorCode } from '../../core/errors.ts'
import { kebabCase } from '../../core/kebab-case.ts'
import { type Reply, refuse } from '../../core/reply.ts'
import type { HmacOptions } from './schema.ts'

/** Every reason to refuse a signature: its code, and a sentence that helps who signs and says nothing of our secrets. */
const REASONS = {
  missing: ['credentials_missing', null],
  otherScheme: ['credentials_missing', null],
  malformed: ['credentials_invalid', 'The signature is malformed'],
  algorithm: ['credentials_invalid', 'The algorithm of the signature is not accepted'],
  uncovered: ['credentials_invalid', 'The signature does not cover all that it has to'],
  absent: ['credentials_invalid', 'The signature covers something that the request does not have'],
  unknown: ['credentials_invalid', null],
  wrong: ['credentials_invalid', null],
  expired: ['credentials_expired', null],
  date: ['credentials_invalid', 'The date that is signed is malformed'],
  undated: ['credentials_expired', 'The request has no date, or one that is too far from now'],
  skew: ['credentials_expired', 'The date that is signed is too far from now'],
  digestUncovered: ['credentials_invalid', 'The signature has to cover a digest of the body'],
  digestMalformed: ['credentials_invalid', 'The digest of the body is malformed'],
  digest: ['credentials_invalid', 'The body has another digest than the one that is signed'],
} as const satisfies Readonly<Record<string, readonly [ErrorCode, string | null]>>

export type Reason = keyof typeof REASONS

/** The refusals of one policy, made once. */
export class Refusals {
  readonly #replies: ReadonlyMap<string, Reply>

  constructor({ realm, requiredHeaders, challenge }: HmacOptions) {
    const covered = requiredHeaders.length === 0 ? '' : `,headers="${requiredHeaders.join(' ')}"`
    const headers = [['WWW-Authenticate', challenge ?? `Signature realm="${realm}"${covered}`]] as const
    this.#replies = new Map(
      Object.entries(REASONS).map(([reason, [code, detail]]) => [
        reason,
        refuse(code, detail, headers, undefined, `signature-${kebabCase(reason)}`),
      ]),
    )
  }

  of(reason: Reason): Reply {
    const reply = this.#replies.get(reason)
    if (reply === undefined) throw new Error(`no refusal for ${reason}`)
    return reply
  }

  noteOf(reason: Reason): string {
    if (reason === 'missing' || reason === 'otherScheme') return 'no signature'
    if (reason === 'unknown') return 'nobody has that key id'
    return REASONS[reason][1] ?? (reason === 'wrong' ? 'no secret of that key id has signed this' : 'the secret is not in force')
  }
}
