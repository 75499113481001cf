import type { Signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import type { Loaded } from './use-ask.ts'

export { ms, perSecond } from './units.ts'

/** Why there is nothing to show: an error, or that it is on its way, or what is said of an empty answer. */
export function State({ of, empty }: { readonly of: Loaded<unknown>; readonly empty?: string | false }) {
  if (of.error !== '')
    return (
      <p class="error" role="alert">
        {of.error}
      </p>
    )
  if (of.value === null) return <Skeleton label="Loading" />
  return empty ? <p class="empty">{empty}</p> : null
}

/** In place of what is on its way. */
export function Skeleton({ label }: { readonly label: string }) {
  return (
    <div class="skeleton" role="status">
      <span class="hidden">{label}…</span>
      <i />
      <i />
      <i />
    </div>
  )
}

interface CardProps {
  readonly title: string
  readonly children: ComponentChildren
  /** Over the whole width of a grid. */
  readonly wide?: boolean
  /** Beside the title: of what time, or how many. */
  readonly note?: ComponentChildren
}

export function Card({ title, children, wide, note }: CardProps) {
  return (
    <section class={wide ? 'card wide' : 'card'}>
      <div class="card-head">
        <h2>{title}</h2>
        {note !== undefined && note !== '' && <span class="muted">{note}</span>}
      </div>
      {children}
    </section>
  )
}

export interface Column {
  readonly title: string
  readonly isNumber?: boolean
}

interface TableProps {
  readonly label: string
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly ComponentChildren[])[]
  /** Said when there are no rows. */
  readonly empty: string
}

/** A table that scrolls sideways on a narrow screen, reachable by keyboard. */
export function Table({ label, columns, rows, empty }: TableProps) {
  if (rows.length === 0) return <p class="empty">{empty}</p>
  return (
    <section class="scroll" tabIndex={0} aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map(({ title, isNumber }) => (
              <th key={title} scope="col" class={isNumber ? 'number' : ''}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cells, row) => (
            <tr key={row}>
              {cells.map((cell, i) => (
                <td key={i} class={columns[i]?.isNumber ? 'number' : ''}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

export type Kind = 'good' | 'bad' | 'warn' | 'plain'

export function Badge({ kind, children }: { readonly kind: Kind; readonly children: ComponentChildren }) {
  return <span class={`badge ${kind}`}>{children}</span>
}

export function statusKind(status: number): Kind {
  return status >= 500 || status === 0 ? 'bad' : status >= 400 ? 'warn' : 'good'
}

/** Holds what follows the traffic, and lets it go on. */
export function PauseButton({ isPaused }: { readonly isPaused: Signal<boolean> }) {
  return (
    <button
      type="button"
      aria-pressed={isPaused.value}
      onClick={() => {
        isPaused.value = !isPaused.value
      }}
    >
      {isPaused.value ? 'Go on' : 'Pause'}
    </button>
  )
}
