import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'

const ROW_PX = 44

/** A list of which only what is seen is in the page. */
export function VirtualList<T>({
  label,
  items,
  height,
  keyOf,
  render,
}: {
  readonly label: string
  readonly items: readonly T[]
  readonly height: number
  /** What tells items apart, so that a row keeps the focus when others come before it. Default: its place. */
  readonly keyOf?: (item: T, index: number) => string
  readonly render: (item: T, index: number) => ComponentChildren
}) {
  const top = useSignal(0)
  const first = Math.max(0, Math.floor(top.value / ROW_PX) - 5)
  const shown = items.slice(first, first + Math.ceil(height / ROW_PX) + 10)
  return (
    <section
      class="virtual"
      tabIndex={0}
      aria-label={label}
      style={{ maxHeight: `${height}px` }}
      onScroll={(event) => {
        top.value = event.currentTarget.scrollTop
      }}
    >
      <div style={{ height: `${items.length * ROW_PX}px`, position: 'relative' }}>
        <ul style={{ transform: `translateY(${first * ROW_PX}px)` }}>
          {shown.map((item, i) => (
            <li key={keyOf?.(item, first + i) ?? first + i}>{render(item, first + i)}</li>
          ))}
        </ul>
      </div>
    </section>
  )
}
