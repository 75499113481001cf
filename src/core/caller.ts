import type { Exchange } from './exchange.ts'
import type { Verdict } from './policy.ts'
import { type Reply, refuse } from './reply.ts'

/** Claims of a verified token, as they were in it. */
export type Claims = Readonly<Record<string, unknown>>

/** What is known of a user beyond the token: from the user service, see the `users` policy. */
export interface UserRecord {
  readonly roles: readonly string[]
  readonly permissions: readonly string[]
}

/** Who a credential belongs to: an application or a partner, named in the configuration. */
export interface Consumer {
  readonly name: string
  readonly groups: readonly string[]
  /** What other systems know it by; left out for nothing. */
  readonly id?: string
  /** Texts about it, by name; left out for none. */
  readonly labels?: Readonly<Record<string, string>>
  /** Whether policies of its own take the place of others, so that another plan applies once it is known. */
  readonly hasPolicies: boolean
}

/** What an authenticating policy has verified. */
export interface Admission {
  /** Kind of the policy. */
  readonly method: string
  /** Name of the user; empty when the credential names none. */
  readonly subject?: string
  readonly claims?: Claims
  readonly consumer?: Consumer | null
  /** Which of a consumer's credentials it was; never the credential itself. */
  readonly credentialId?: string
  /** What a request calls the credential: the name to log in with, the id of a key. Left out where the credential is all that is sent. */
  readonly credentialName?: string
  /** Whether its consumer takes the place of one that a policy before has found; otherwise two that differ are refused. */
  readonly replaces?: boolean
}

/** The method of callers without a valid credential that are taken for a consumer. */
export const ANONYMOUS = 'anonymous'

/**
 * Who calls, as far as authentication has found out. Part of the exchange. Policies that authenticate write it through {@link admit} and
 * {@link deny}; all later ones only read it.
 */
export class Caller {
  /** Kinds of the policies that verified a credential, joined by a comma; empty for nobody. */
  method = ''
  subject = ''
  claims: Claims | null = null
  consumer: Consumer | null = null
  credentialId = ''
  /** See {@link Admission}; empty for none. */
  credentialName = ''
  /** Set by the `users` policy. */
  user: UserRecord | null = null
  /** One verified credential is enough: what is missing or wrong is kept in {@link refusal} until all policies have looked. */
  anyOf = false
  refusal: Reply | null = null

  get isKnown(): boolean {
    return this.method !== ''
  }

  /** Whether somebody has shown a valid credential. */
  get isVerified(): boolean {
    return this.method !== '' && this.method !== ANONYMOUS
  }

  /** Whether a further policy need not look: one credential was enough and is there. */
  get isSettled(): boolean {
    return this.anyOf && this.isVerified
  }

  reset(): void {
    if (this.method === '' && this.refusal === null && !this.anyOf) return
    this.method = ''
    this.subject = ''
    this.claims = null
    this.consumer = null
    this.credentialId = ''
    this.credentialName = ''
    this.user = null
    this.anyOf = false
    this.refusal = null
  }

  /** A copy to come back to by {@link restore}; for steps in shadow. */
  copy(): CallerState {
    const { method, subject, claims, consumer, credentialId, credentialName, user, anyOf, refusal } = this
    return { method, subject, claims, consumer, credentialId, credentialName, user, anyOf, refusal }
  }

  restore(state: CallerState): void {
    Object.assign(this, state)
  }
}

export type CallerState = Pick<
  Caller,
  'method' | 'subject' | 'claims' | 'consumer' | 'credentialId' | 'credentialName' | 'user' | 'anyOf' | 'refusal'
>

/**
 * Notes a verified credential. Two credentials of one request may not belong to different consumers or users: that is refused, unless the
 * later policy says that it replaces what was found before.
 */
export function admit({ caller }: Exchange, found: Admission): Verdict {
  const { consumer = null, subject = '', replaces = false } = found
  if (caller.method === ANONYMOUS) {
    // Who shows a credential is no stranger any more.
    caller.method = ''
    caller.consumer = null
  }
  if (!replaces && consumer !== null && caller.consumer !== null && caller.consumer.name !== consumer.name) return CONFLICT
  if (!replaces && subject !== '' && caller.subject !== '' && caller.subject !== subject) return CONFLICT
  caller.method = caller.method === '' ? found.method : `${caller.method},${found.method}`
  if (subject !== '') caller.subject = subject
  if (found.claims !== undefined) caller.claims = found.claims
  if (consumer !== null) caller.consumer = consumer
  if (found.credentialId !== undefined) {
    caller.credentialId = found.credentialId
    caller.credentialName = found.credentialName ?? ''
  }
  return undefined
}

const CONFLICT = refuse('credentials_conflict')

/**
 * What a policy that authenticates returns when its credential is missing or wrong: the refusal, unless another credential may do.
 * A wrong credential says more than a missing one, and is what the client is told in the end.
 */
export function deny({ caller }: Exchange, refusal: Reply): Verdict {
  if (!caller.anyOf) return refusal
  if (caller.refusal === null) caller.refusal = refusal
  else caller.refusal = joinChallenges(weightOf(refusal) > weightOf(caller.refusal) ? refusal : caller.refusal, caller.refusal, refusal)
  return undefined
}

/** Whether it is for want of a credential, and not for a wrong one. */
export function isMissing(refusal: Reply): boolean {
  return weightOf(refusal) < WRONG
}

const WRONG = 2

/** Of a certificate a client can be asked for nothing later than in its handshake: a 401 tells it what else would do. */
function weightOf({ code }: Reply): number {
  if (code === 'client_certificate_missing') return 0
  return code === 'token_missing' || code === 'credentials_missing' ? 1 : WRONG
}

/** RFC 9110, 11.6.1: a 401 names every scheme that would do. */
function joinChallenges(base: Reply, one: Reply, other: Reply): Reply {
  const challenges = [...one.headers, ...other.headers].filter(([name]) => name.toLowerCase() === 'www-authenticate')
  const rest = base.headers.filter(([name]) => name.toLowerCase() !== 'www-authenticate')
  return { ...base, headers: [...rest, ...challenges] }
}
