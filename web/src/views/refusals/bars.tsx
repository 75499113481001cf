import type { ComponentChildren } from 'preact'
import { percent } from '../../format.ts'

export interface Bar {
  readonly key: string
  readonly label: ComponentChildren
  readonly count: number
}

/** Counts as bars, the largest first, each with its share. */
export function Bars({
  bars,
  empty,
  kind,
}: {
  readonly bars: readonly Bar[]
  readonly empty: string
  readonly kind: 'bad' | 'warn' | 'plain'
}) {
  const sum = bars.reduce((total, { count }) => total + count, 0)
  const most = Math.max(1, ...bars.map(({ count }) => count))
  if (sum === 0) return <p class="muted">{empty}</p>
  return (
    <ul class="counts">
      {bars.map(({ key, label, count }) => (
        <li key={key}>
          <span class="label">{label}</span>
          <span class="number">
            {count} <span class="muted">{percent(count, sum)}</span>
          </span>
          <span class="lane" aria-hidden="true">
            <i class={kind} style={{ width: `${(100 * count) / most}%` }} />
          </span>
        </li>
      ))}
    </ul>
  )
}

/** Counts of equal things, the most frequent first; what has no key is not counted. */
export function countBy<T>(items: readonly T[], key: (item: T) => string, max: number): readonly (readonly [string, number])[] {
  return [...Map.groupBy(items, key)]
    .flatMap(([name, group]): (readonly [string, number])[] => (name === '' ? [] : [[name, group.length]]))
    .sort(([, a], [, b]) => b - a)
    .slice(0, max)
}
