import type { Clock } from '../../core/clock.ts'
import type { ErrorCode } from '../../core/errors.ts'
import type { Logger } from '../../core/observe.ts'
import { type Reply, refuse } from '../../core/reply.ts'

type TokenCode = Extract<ErrorCode, 'token_missing' | 'token_expired' | 'token_invalid'>

/** Every reason to refuse a token: its code, and the sentence for `error_description`, which says nothing of our keys. */
const REASONS = {
  missing: ['token_missing', ''],
  expired: ['token_expired', 'The token expired'],
  tooOld: ['token_expired', 'The token was issued too long ago'],
  repeated: ['token_invalid', 'The request carries more than one token'],
  oversized: ['token_invalid', 'The token is too large'],
  malformed: ['token_invalid', 'The token is malformed'],
  critical: ['token_invalid', 'The token asks for an extension that is not supported'],
  algorithm: ['token_invalid', 'The algorithm of the token is not accepted'],
  unknownKey: ['token_invalid', 'No key is known for the token'],
  signature: ['token_invalid', 'The signature of the token is wrong'],
  type: ['token_invalid', 'The token is of another type'],
  claimsMalformed: ['token_invalid', 'A claim of the token is malformed'],
  noExpiry: ['token_invalid', 'The token has no expiry'],
  notYetValid: ['token_invalid', 'The token is not valid yet'],
  issuer: ['token_invalid', 'The token is from another issuer'],
  audience: ['token_invalid', 'The token is for another audience'],
  claimMissing: ['token_invalid', 'The token lacks a required claim'],
  claimValue: ['token_invalid', 'A claim of the token has another value than is required'],
  consumer: ['token_invalid', 'The token names no known consumer'],
} as const satisfies Readonly<Record<string, readonly [TokenCode, string]>>

export type Reason = keyof typeof REASONS

const LOG_GAP_MS = 60_000

/** The refusals of one policy, made once; and the event log's word on why, at most once a minute for each reason. */
export class Refusals {
  readonly #replies: ReadonlyMap<Reason, Reply>
  readonly #log: Logger
  readonly #clock: Clock
  readonly #scope: string
  readonly #told = new Map<Reason, { at: number; unsaid: number }>()

  constructor(realm: string, scope: string, log: Logger, clock: Clock) {
    this.#replies = new Map(reasons().map((reason) => [reason, replyFor(reason, realm)]))
    this.#scope = scope
    this.#log = log
    this.#clock = clock
  }

  /** What is missing is everyday and not logged. */
  of(reason: Reason): Reply {
    if (reason !== 'missing') this.#tell(reason)
    const reply = this.#replies.get(reason)
    if (reply === undefined) throw new Error(`no refusal for ${reason}`)
    return reply
  }

  #tell(reason: Reason): void {
    const now = this.#clock.now()
    const told = this.#told.get(reason)
    if (told !== undefined && now - told.at < LOG_GAP_MS) {
      told.unsaid++
      return
    }
    this.#log.info({ policy: 'jwt', scope: this.#scope, reason: REASONS[reason][1], alsoSinceLastTime: told?.unsaid ?? 0 }, 'token refused')
    this.#told.set(reason, { at: now, unsaid: 0 })
  }
}

export function sentenceOf(reason: Reason): string {
  return REASONS[reason][1] || 'no token where one is looked for'
}

function reasons(): Reason[] {
  // Object.keys of a constant has its keys for a type, but TypeScript does not say so.
  return Object.keys(REASONS).filter((key): key is Reason => key in REASONS)
}

/** RFC 6750, 3 and 3.1: without a token the challenge names no error. */
function replyFor(reason: Reason, realm: string): Reply {
  const [code, description] = REASONS[reason]
  const error = reason === 'missing' ? '' : `, error="invalid_token", error_description="${description}"`
  return refuse(code, null, [['WWW-Authenticate', `Bearer realm="${realm}"${error}`]])
}
