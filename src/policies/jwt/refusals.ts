import type { Clock } from '../../core/clock.ts'
import type { ErrorCode } from '../../core/errors.ts'
import { kebabCase } from '../../core/kebab-case.ts'
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
  signatureMalformed: ['token_invalid', 'The token is malformed'],
  critical: ['token_invalid', 'The token asks for an extension that is not supported'],
  algorithm: ['token_invalid', 'The algorithm of the token is not accepted'],
  algorithmUnknown: ['token_invalid', 'The algorithm of the token is not accepted'],
  keyUnnamed: ['token_invalid', 'The token names no key'],
  keyNameEmpty: ['token_invalid', 'The token names no key'],
  keyUnusable: ['token_invalid', 'No key is known for the token'],
  unknownKey: ['token_invalid', 'No key is known for the token'],
  signature: ['token_invalid', 'The signature of the token is wrong'],
  type: ['token_invalid', 'The token is of another type'],
  claimsMalformed: ['token_invalid', 'A claim of the token is malformed'],
  noExpiry: ['token_invalid', 'The token has no expiry'],
  expiryMalformed: ['token_invalid', 'A claim of the token is malformed'],
  noStart: ['token_invalid', 'The token lacks a required claim'],
  startMalformed: ['token_invalid', 'A claim of the token is malformed'],
  tooLong: ['token_invalid', 'The token is valid for longer than is allowed'],
  notYetValid: ['token_invalid', 'The token is not valid yet'],
  issuer: ['token_invalid', 'The token is from another issuer'],
  audience: ['token_invalid', 'The token is for another audience'],
  claimMissing: ['token_invalid', 'The token lacks a required claim'],
  claimValue: ['token_invalid', 'A claim of the token has another value than is required'],
  consumer: ['token_invalid', 'The token names no known consumer'],
} as const satisfies Readonly<Record<string, readonly [TokenCode, string]>>

type Single = keyof typeof REASONS

export type ExpiryProblem = Extract<Single, 'noExpiry' | 'expiryMalformed' | 'expired'>
export type StartProblem = Extract<Single, 'noStart' | 'startMalformed' | 'notYetValid'>

/** Both dates may be wrong; what is said is then the first. */
export type Reason = Single | `${ExpiryProblem}+${StartProblem}`

export interface RefusalOptions {
  readonly realm: string
  readonly challenge?: string | undefined
  readonly keyClaim: string
}

const LOG_GAP_MS = 60_000

/** The refusals of one policy, made once; and the event log's word on why, at most once a minute for each reason. */
export class Refusals {
  readonly #replies: ReadonlyMap<Reason, Reply>
  readonly #log: Logger
  readonly #clock: Clock
  readonly #scope: string
  readonly #told = new Map<Reason, { at: number; unsaid: number }>()

  /** @param keyClaim the claim that names a key */
  constructor({ realm, challenge, keyClaim }: RefusalOptions, scope: string, log: Logger, clock: Clock) {
    const replyOf = (reason: Reason): Reply => ({ ...replyFor(reason, challengeOf(reason, realm, challenge)), about: keyClaim })
    this.#replies = new Map(reasons().map((reason) => [reason, replyOf(reason)]))
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
    this.#log.info({ policy: 'jwt', scope: this.#scope, reason: sentenceOf(reason), alsoSinceLastTime: told?.unsaid ?? 0 }, 'token refused')
    this.#told.set(reason, { at: now, unsaid: 0 })
  }
}

export function sentenceOf(reason: Reason): string {
  return REASONS[firstOf(reason)][1] || 'no token where one is looked for'
}

const EXPIRY_PROBLEMS = ['noExpiry', 'expiryMalformed', 'expired'] as const satisfies readonly ExpiryProblem[]
const START_PROBLEMS = ['noStart', 'startMalformed', 'notYetValid'] as const satisfies readonly StartProblem[]

function reasons(): readonly Reason[] {
  const both = EXPIRY_PROBLEMS.flatMap((expiry) => START_PROBLEMS.map((start): Reason => `${expiry}+${start}`))
  return [...Object.keys(REASONS).filter(isSingle), ...both]
}

function isSingle(reason: string): reason is Single {
  return Object.hasOwn(REASONS, reason)
}

function firstOf(reason: Reason): Single {
  const first = reason.split('+', 1)[0] ?? ''
  return isSingle(first) ? first : 'malformed'
}

function replyFor(reason: Reason, challenge: string): Reply {
  const [code] = REASONS[firstOf(reason)]
  return refuse(code, null, [['WWW-Authenticate', challenge]], undefined, kebabCase(reason))
}

/** RFC 6750, 3 and 3.1: without a token the challenge names no error. */
function challengeOf(reason: Reason, realm: string, written: string | undefined): string {
  const base = written ?? `Bearer realm="${realm}"`
  if (reason === 'missing') return base
  const description = written === undefined ? `, error_description="${sentenceOf(reason)}"` : ''
  return `${base}${base.includes('=') ? ',' : ''} error="invalid_token"${description}`
}
