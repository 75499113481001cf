/** Routes that came near, each with the first thing that was not so. */
export interface Miss {
  readonly route: string
  readonly failed: string
  readonly message: string
}

const SHOWN = 5

/** @param misses the nearest first. @param hasRoute whether another took the request: then only those at whose host and path it was are of interest at once */
export function NearMisses({ misses, hasRoute }: { readonly misses: readonly Miss[]; readonly hasRoute: boolean }) {
  const isClose = ({ failed }: Miss): boolean => failed !== 'host' && failed !== 'path'
  const close = misses.filter(isClose)
  const shown = close.length > 0 || hasRoute ? close.slice(0, SHOWN) : misses.slice(0, SHOWN)
  const others = misses.filter((miss) => !shown.includes(miss))
  if (misses.length === 0) return null
  return (
    <div class="misses">
      {shown.length > 0 && <MissList misses={shown} />}
      {others.length > 0 && (
        <details>
          <summary>
            {others.length} {shown.length > 0 ? 'more' : ''} that came less near
          </summary>
          <MissList misses={others} />
        </details>
      )}
    </div>
  )
}

function MissList({ misses }: { readonly misses: readonly Miss[] }) {
  return (
    <ul>
      {misses.map(({ route, message }) => (
        <li key={route}>
          <span class="muted">not</span> <b>{route}</b> <span class="message">{message}</span>
        </li>
      ))}
    </ul>
  )
}
