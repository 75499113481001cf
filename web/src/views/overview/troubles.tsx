import type { Trouble } from '../../traffic-shape.ts'
import { serviceLink } from '../map/place.ts'

/** Where one looks after a trouble; null where there is no view of it. */
function linkOf({ kind, name }: Trouble): string | null {
  if (kind === 'configuration') return '#/configuration'
  return kind === 'service' && name !== '' ? serviceLink(name) : null
}

/** What is wrong, the bad first; or that nothing is. */
export function Troubles({ troubles, total }: { readonly troubles: readonly Trouble[]; readonly total: number }) {
  if (total === 0)
    return (
      <p class="all-well" role="status">
        <span aria-hidden="true">✓</span> Nothing is wrong that the gateway knows of.
      </p>
    )
  return (
    <section class="card troubles" aria-label="What is wrong">
      <h2>
        {total} {total === 1 ? 'thing' : 'things'} to look at
      </h2>
      <ul>
        {troubles.map((trouble) => {
          const link = linkOf(trouble)
          const name = trouble.name === '' ? trouble.kind : trouble.name
          return (
            <li key={`${trouble.kind} ${trouble.name} ${trouble.says}`}>
              <span class={`badge ${trouble.severity}`}>{trouble.severity === 'bad' ? 'failing' : 'warning'}</span>
              {link === null ? <b>{name}</b> : <a href={link}>{name}</a>}
              <span>{trouble.says}</span>
            </li>
          )
        })}
      </ul>
      {total > troubles.length && <p class="muted">… and {total - troubles.length} more.</p>}
    </section>
  )
}
