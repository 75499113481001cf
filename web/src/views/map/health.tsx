import { Badge, type Kind } from '../../parts.tsx'
import type { Service, Target } from './shapes.ts'

const KINDS: Readonly<Record<string, Kind>> = { healthy: 'good', closed: 'good', 'half-open': 'warn', unknown: 'plain' }
/** What nobody has checked is used like what is healthy. */
const WORDS: Readonly<Record<string, string>> = { unknown: 'not checked' }

/** How many workers see what; without the number where all see the same. */
export function Counts({ of }: { readonly of: Readonly<Record<string, number>> }) {
  const entries = Object.entries(of)
  const all = entries.reduce((sum, [, n]) => sum + n, 0)
  return (
    <>
      {entries.map(([name, n]) => (
        <Badge key={name} kind={KINDS[name] ?? 'bad'}>
          {WORDS[name] ?? name}
          {n < all && ` in ${n} of ${all}`}
        </Badge>
      ))}
    </>
  )
}

/** The worst that any worker sees. */
export function targetKind({ drained, health }: Target): Kind {
  if (health['unhealthy'] !== undefined || health['ejected'] !== undefined) return 'bad'
  if (drained) return 'warn'
  return health['healthy'] === undefined ? 'plain' : 'good'
}

export function serviceKind({ breaker, panic, targets }: Service): Kind {
  if (panic || breaker?.['open'] !== undefined) return 'bad'
  const kinds = targets.map(targetKind)
  if (targets.length === 0) return 'bad'
  if (kinds.includes('bad') || kinds.includes('warn') || breaker?.['half-open'] !== undefined) return 'warn'
  return kinds.includes('good') || breaker !== null ? 'good' : 'plain'
}

const SAYS: Readonly<Record<Kind, string>> = { good: 'well', warn: 'degraded', bad: 'failing', plain: 'not checked' }

/** A coloured dot, and its meaning in words for who does not see it. */
export function Dot({ kind }: { readonly kind: Kind }) {
  return (
    <span class={`dot ${kind}`}>
      <span class="hidden">{SAYS[kind]}</span>
    </span>
  )
}
