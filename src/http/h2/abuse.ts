/** A kind of frame that a client can send for nothing, and how many of them: at once, and then in each second. */
interface Allowance {
  readonly burst: number
  readonly perSecond: number
}

/**
 * What a client may make us do without getting anything for it. Honest clients stay far below: browsers reset some dozen streams when a page is
 * left, gRPC measures with a PING for many a message, and the rest hardly occurs.
 */
const ALLOWANCES = {
  /** Streams that end before their answer: reset by the client (CVE-2023-44487), or by us for a fault of its own (CVE-2025-8671). */
  reset: { burst: 200, perSecond: 20 },
  /** Streams beyond the number that we have told. A client may open many before it has read that. */
  refused: { burst: 1_000, perSecond: 50 },
  /** CVE-2019-9515 */
  settings: { burst: 30, perSecond: 2 },
  /** CVE-2019-9512 */
  ping: { burst: 300, perSecond: 30 },
  /** DATA frames without data that end nothing (CVE-2019-9518). */
  emptyData: { burst: 300, perSecond: 30 },
  /** Also what makes us send data in crumbs (CVE-2019-9511). */
  windowUpdate: { burst: 1_000, perSecond: 100 },
  /** PRIORITY (CVE-2019-9513), frames of unknown types, and what comes for streams that are closed. */
  meaningless: { burst: 1_000, perSecond: 100 },
} as const satisfies Record<string, Allowance>

export type AbuseKind = keyof typeof ALLOWANCES

/** Counts by token bucket what a client does that costs us and not it. One for each connection; it allocates for those alone that use it. */
export class AbuseGuard {
  readonly #now: () => number
  /** Tokens left, and since when in milliseconds; null while all are there. */
  #buckets: Record<AbuseKind, { tokens: number; at: number }> | null = null

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Counts one. Returns false when there have been too many: ENHANCE_YOUR_CALM. */
  spend(kind: AbuseKind): boolean {
    this.#buckets ??= full(this.#now())
    const bucket = this.#buckets[kind]
    const { burst, perSecond } = ALLOWANCES[kind]
    const now = this.#now()
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond) - 1
    bucket.at = now
    return bucket.tokens >= 0
  }

  /** A frame has carried a part of a message, in return for which some others may come. */
  earn(kind: 'ping' | 'windowUpdate', tokens: number): void {
    if (this.#buckets === null) return
    const bucket = this.#buckets[kind]
    bucket.tokens = Math.min(ALLOWANCES[kind].burst, bucket.tokens + tokens)
  }
}

function full(at: number): Record<AbuseKind, { tokens: number; at: number }> {
  const bucket = (kind: AbuseKind): { tokens: number; at: number } => ({ tokens: ALLOWANCES[kind].burst, at })
  return {
    reset: bucket('reset'),
    refused: bucket('refused'),
    settings: bucket('settings'),
    ping: bucket('ping'),
    emptyData: bucket('emptyData'),
    windowUpdate: bucket('windowUpdate'),
    meaningless: bucket('meaningless'),
  }
}
