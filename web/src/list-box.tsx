import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'

interface ListBoxProps<T> {
  readonly label: string
  readonly items: readonly T[]
  /** Tells items apart; also the name by which lines find a row. */
  readonly keyOf: (item: T) => string
  /** Key of the chosen one; null for none. */
  readonly chosen: string | null
  /** Called with null when nothing is to be chosen any more. */
  readonly onChoose: (item: T | null) => void
  readonly render: (item: T) => ComponentChildren
  readonly rowPx: number
  /** Pixels; it is lower when there are few items. */
  readonly heightMax: number
}

/** Rows beyond what is seen, so that scrolling finds them there. */
const SPARE_ROWS = 4

/** A list box of any length, of which only what is seen is in the page. Arrows choose; Escape chooses nothing. */
export function ListBox<T>({ label, items, keyOf, chosen, onChoose, render, rowPx, heightMax }: ListBoxProps<T>) {
  const box = useRef<HTMLDivElement>(null)
  const id = useId()
  const top = useSignal(0)
  const height = Math.min(heightMax, items.length * rowPx)
  const first = Math.max(0, Math.min(Math.floor(top.value / rowPx) - SPARE_ROWS, items.length - 1))
  const shown = items.slice(first, first + Math.ceil(height / rowPx) + 2 * SPARE_ROWS)
  const at = chosen === null ? -1 : items.findIndex((item) => keyOf(item) === chosen)
  const isShown = at >= first && at < first + shown.length
  const reveal = (index: number): void => {
    const element = box.current
    if (element === null || index < 0) return
    const rowTop = index * rowPx
    if (rowTop < element.scrollTop) element.scrollTop = rowTop
    else if (rowTop + rowPx > element.scrollTop + element.clientHeight) element.scrollTop = rowTop + rowPx - element.clientHeight
  }
  // Also when it was chosen elsewhere, or by the address of the page.
  useEffect(() => reveal(at), [chosen, at >= 0])
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && chosen !== null) return onChoose(null)
    const step = stepOf(event.key, Math.max(1, Math.floor(height / rowPx)), items.length)
    if (step === null || items.length === 0) return
    event.preventDefault()
    const next = at === -1 && step > 0 ? Math.min(step - 1, items.length - 1) : Math.max(0, Math.min(at + step, items.length - 1))
    const item = items[next]
    if (item === undefined) return
    onChoose(item)
    reveal(next)
  }
  const onClick = (event: MouseEvent): void => {
    const row = event.target instanceof Element ? event.target.closest('[role="option"]') : null
    const item = row === null ? undefined : items[Number(row.getAttribute('aria-posinset')) - 1]
    if (item !== undefined) onChoose(item)
  }
  return (
    <div
      ref={box}
      class="listbox"
      role="listbox"
      tabIndex={0}
      aria-label={label}
      aria-activedescendant={isShown ? `${id}-${at}` : undefined}
      style={{ maxHeight: `${heightMax}px` }}
      onScroll={(event) => {
        top.value = event.currentTarget.scrollTop
      }}
      onKeyDown={onKeyDown}
      onClick={onClick}
    >
      <div role="presentation" style={{ height: `${items.length * rowPx}px` }}>
        <div role="presentation" style={{ transform: `translateY(${first * rowPx}px)` }}>
          {shown.map((item, i) => (
            <div
              key={keyOf(item)}
              id={`${id}-${first + i}`}
              class="node"
              role="option"
              tabIndex={-1}
              aria-selected={first + i === at}
              aria-posinset={first + i + 1}
              aria-setsize={items.length}
              data-node={keyOf(item)}
              style={{ height: `${rowPx}px` }}
            >
              {render(item)}
            </div>
          ))}
        </div>
      </div>
    </div>
  )
}

/** How far a key goes; null for one that goes nowhere. */
function stepOf(key: string, page: number, all: number): number | null {
  switch (key) {
    case 'ArrowDown':
      return 1
    case 'ArrowUp':
      return -1
    case 'PageDown':
      return page
    case 'PageUp':
      return -page
    case 'Home':
      return -all
    case 'End':
      return all
    default:
      return null
  }
}
