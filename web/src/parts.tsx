import type { ComponentChildren } from 'preact'
import type { Loaded } from './use-ask.ts'

export function State({ of, empty }: { readonly of: Loaded<unknown>; readonly empty?: string | false }) {
  if (of.error !== '')
    return (
      <p class="error" role="alert">
        {of.error}
      </p>
    )
  if (of.value === null)
    return (
      <p class="muted" role="status">
        Loading…
      </p>
    )
  return empty ? <p class="muted">{empty}</p> : null
}

export function Card({ title, children, wide }: { readonly title: string; readonly children: ComponentChildren; readonly wide?: boolean }) {
  return (
    <section class={wide ? 'card wide' : 'card'}>
      <h2>{title}</h2>
      {children}
    </section>
  )
}

export interface Column {
  readonly title: string
  readonly isNumber?: boolean
}

/** A table that scrolls sideways on a narrow screen, reachable by keyboard. */
export function Table({
  label,
  columns,
  rows,
  empty,
}: {
  readonly label: string
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly ComponentChildren[])[]
  readonly empty: string
}) {
  if (rows.length === 0) return <p class="muted">{empty}</p>
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

export function Badge({ kind, children }: { readonly kind: 'good' | 'bad' | 'warn' | 'plain'; readonly children: ComponentChildren }) {
  return <span class={`badge ${kind}`}>{children}</span>
}

export function statusKind(status: number): 'good' | 'bad' | 'warn' | 'plain' {
  return status >= 500 || status === 0 ? 'bad' : status >= 400 ? 'warn' : 'good'
}

export const ms = (value: number | null): string =>
  value === null ? '–' : value >= 1_000 ? `${(value / 1_000).toFixed(2)} s` : `${value.toFixed(value < 10 ? 2 : 1)} ms`
export const perSecond = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(0))
