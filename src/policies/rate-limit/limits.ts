import { CALENDAR_MS_MAX, type CalendarUnit } from '../../core/calendar.ts'
import type { LimitRule } from '../../core/store.ts'
import type { RateLimitOptions } from './schema.ts'
import { needsNoIdentity, type Subject, subjectOf } from './subjects.ts'

/** One configured limit with all defaults filled in. */
export interface Limit {
  /** Unique within the policy. */
  readonly name: string
  /** What refused, in the words of `by`; for clients and metrics. */
  readonly type: string
  readonly by: readonly Subject[]
  readonly otherwise: 'skip' | 'ip'
  readonly rule: LimitRule
  /** The window by its name; null for a bucket and for windows of other lengths. */
  readonly span: WindowSpan | null
  /** Whether it can be looked at before anybody is known. */
  readonly guards: boolean
  /** Where it stands in the options. */
  readonly path: readonly (string | number)[]
}

export type WindowSpan = keyof typeof SPAN_MS | CalendarUnit

const SPAN_MS = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 }

type Written = NonNullable<RateLimitOptions['limits']>[number]

export function limitsOf(options: RateLimitOptions): readonly Limit[] {
  const { limits } = options
  const written: readonly (readonly [Written, Limit['path']])[] =
    limits === undefined ? [[options, []]] : limits.map((limit, i) => [limit, ['limits', i]])
  const taken = new Set(written.flatMap(([{ name }]) => name ?? []))
  return written.map(([limit, path]) => {
    const words = limit.by ?? ['identity']
    const type = words.join('+')
    const by = words.map(subjectOf)
    const name = limit.name ?? freeName(type.replaceAll(/[^A-Za-z0-9._-]/g, '-'), taken)
    return {
      name,
      type,
      by,
      otherwise: limit.otherwise ?? 'skip',
      rule: ruleOf(limit),
      span: spanOf(limit),
      guards: by.every(needsNoIdentity),
      path,
    }
  })
}

/** `user`, then `user-2` … */
function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted
  for (let n = 2; taken.has(name); n++) name = `${wanted}-${n}`
  taken.add(name)
  return name
}

function spanOf({ window }: Written): WindowSpan | null {
  return typeof window === 'string' ? window : null
}

function ruleOf({ rate, per = 'second', capacity, window, limit, algorithm = 'fixed-window' }: Written): LimitRule {
  if (rate !== undefined) {
    const held = capacity ?? Math.max(1, Math.ceil(rate))
    return { algorithm: 'token-bucket', capacity: held, periodMs: (held * SPAN_MS[per]) / rate }
  }
  if (window === undefined || limit === undefined) throw new Error('a limit without `rate` has a window')
  if (window === 'month' || window === 'year')
    return { algorithm: `calendar-${window}`, capacity: limit, periodMs: CALENDAR_MS_MAX[window] }
  return { algorithm, capacity: limit, periodMs: typeof window === 'number' ? window : SPAN_MS[window] }
}

/** The part of a limit that one instance admits alone: at least one request at a time. A bucket's rate becomes that part exactly. */
export function shareOf({ algorithm, capacity, periodMs }: LimitRule, share: number, cost: number): LimitRule {
  const part = Math.min(capacity, Math.max(cost, Math.floor(capacity * share)))
  if (algorithm !== 'token-bucket') return { algorithm, capacity: part, periodMs }
  return { algorithm, capacity: part, periodMs: (periodMs * part) / (capacity * share) }
}
