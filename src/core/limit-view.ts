/** What operators ask about limits, and what they are told. */
import type { LimitAlgorithm, LimitReach, StoreName } from './store.ts'
import type { PolicyFacts } from './trace.ts'

/**
 * Who is asked about, by the words that limits count by: `ip`, `user`, `consumer`, `api-key`, `route`, `service`, `header:NAME` with the name in
 * lower case. `api-key` is the id of one of the consumer's credentials, or `sha256:` and the hash of a key that nobody verifies.
 */
export type LimitSubjects = Readonly<Record<string, string>>

/** One limit of a policy, for one subject. */
export interface LimitReading {
  readonly name: string
  readonly by: readonly string[]
  readonly algorithm: LimitAlgorithm
  readonly capacity: number
  readonly periodMs: number
  /** Whose state it is, by the words of {@link LimitSubjects}; null when something of it was not given. */
  readonly counts: LimitSubjects | null
  /** The words of `by` that were not given. */
  readonly missing: readonly string[]
  /** Rounded down; null when nobody knows: something is missing, or the store does not answer. */
  readonly remaining: number | null
  /** Milliseconds until all of it is there again. */
  readonly resetMs: number | null
}

/** The limits of one policy, which are taken together. */
export interface LimitsReading {
  readonly store: StoreName
  readonly reach: LimitReach
  /** What the policy's next request would be refused by; null for nothing among the limits whose subject is known. */
  readonly refusal: {
    readonly limit: string
    /** Null for never. */
    readonly retryAfterMs: number | null
  } | null
  /** Why the store does not say; null when it does. */
  readonly unavailable: string | null
  readonly limits: readonly LimitReading[]
}

/** Of a policy that has limits. */
export interface PolicyLimits {
  /** The words of {@link LimitSubjects} that may say whose state is looked at. */
  readonly words: ReadonlySet<string>
  /** Takes nothing. Waits no longer than a take does; does not reject because a store is away. */
  read(subjects: LimitSubjects): Promise<LimitsReading>
}

export interface LimitsQuery {
  readonly subjects: LimitSubjects
  /** One place only, as {@link PolicyFacts.scope}; null for all. */
  readonly scope: string | null
  /** Policies that are told of at most. */
  readonly max: number
}

export interface LimitsAnswer {
  /** Policies that are meant; those beyond `max` are not read. */
  readonly total: number
  readonly policies: readonly { readonly policy: PolicyFacts; readonly reading: LimitsReading }[]
}
