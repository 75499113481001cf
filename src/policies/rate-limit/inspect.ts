import { GatewayError } from '../../core/errors.ts'
import type { LimitReading, LimitSubjects, LimitsReading, PolicyLimits } from '../../core/limit-view.ts'
import type { LimitDecision, LimitGroup, LimitReach } from '../../core/store.ts'
import type { Limit } from './limits.ts'
import type { RateLimitOptions } from './schema.ts'
import { namedKey, wordOf } from './subjects.ts'

/** What operators may look at of a policy's limits. */
export function inspector(
  limits: readonly Limit[],
  { cost, store, ipv6Prefix }: RateLimitOptions,
  group: LimitGroup,
  reach: LimitReach,
): PolicyLimits {
  return {
    words: new Set(limits.flatMap(wordsOf)),
    async read(subjects): Promise<LimitsReading> {
      const found = limits.map((limit) => stateOf(limit, subjects, ipv6Prefix))
      const keys = found.map(({ key }) => key)
      let decision: LimitDecision | null = null
      let unavailable: string | null = null
      try {
        if (keys.some((key) => key !== '')) decision = await group.peek(keys, cost)
      } catch (error) {
        // Anything else is a fault of ours.
        if (!(error instanceof GatewayError)) throw error
        unavailable = error.code
      }
      return {
        store,
        reach,
        refusal: decision === null ? null : refusalOf(limits, decision),
        unavailable,
        limits: limits.map((limit, i) => readingOf(limit, found[i] ?? NOWHERE, decision, i)),
      }
    },
  }
}

/** Where a limit counts a subject. */
interface State {
  /** Empty when something is missing. */
  readonly key: string
  readonly counts: LimitSubjects | null
  readonly missing: readonly string[]
}

const NOWHERE: State = { key: '', counts: null, missing: [] }

/** As `keyReader` finds it for an exchange. */
function stateOf({ by, otherwise }: Limit, given: LimitSubjects, ipv6Prefix: number): State {
  const parts = by.map((subject) => ({ word: wordOf(subject), ...namedKey(subject, given, ipv6Prefix) }))
  const missing = parts.flatMap(({ key, word }) => (key === '' ? [word] : []))
  if (missing.length === 0) return { key: parts.map(({ key }) => key).join('|'), counts: picked(given, parts), missing }
  if (otherwise === 'skip') return { key: '', counts: null, missing }
  const other = namedKey({ kind: 'ip' }, given, ipv6Prefix)
  return other.key === '' ? { key: '', counts: null, missing } : { key: other.key, counts: picked(given, [other]), missing: [] }
}

function picked(given: LimitSubjects, parts: readonly { readonly words: readonly string[] }[]): LimitSubjects {
  return Object.fromEntries(parts.flatMap(({ words }) => words.map((word) => [word, given[word] ?? ''])))
}

function readingOf(
  { name, by, rule }: Limit,
  { key, counts, missing }: State,
  decision: LimitDecision | null,
  index: number,
): LimitReading {
  const isKnown = key !== '' && decision !== null
  return {
    name,
    by: by.map(wordOf),
    algorithm: rule.algorithm,
    capacity: rule.capacity,
    periodMs: rule.periodMs,
    counts,
    missing,
    remaining: isKnown ? (decision.remaining[index] ?? 0) : null,
    resetMs: isKnown ? (decision.resetMs[index] ?? 0) : null,
  }
}

function refusalOf(limits: readonly Limit[], { refusedBy, retryAfterMs }: LimitDecision): LimitsReading['refusal'] {
  const limit = limits[refusedBy]
  return limit === undefined ? null : { limit: limit.name, retryAfterMs: Number.isFinite(retryAfterMs) ? retryAfterMs : null }
}

/** All that may say which state of a limit is meant. */
function wordsOf({ by, otherwise }: Limit): readonly string[] {
  const words = by.flatMap((subject) => {
    if (subject.kind === 'identity') return ['consumer', 'user', 'ip']
    return subject.kind === 'api-key' ? ['consumer', 'api-key'] : [wordOf(subject)]
  })
  return otherwise === 'ip' ? [...words, 'ip'] : words
}
