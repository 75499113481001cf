import { FILTERS, type FilterName } from '../../links.ts'
import { type Filter, filterOf, LABELS, localTime } from './filter.ts'

const PLACEHOLDERS: Readonly<Partial<Record<FilterName, string>>> = {
  path: '/orders/',
  status: '404, 5xx, 400-499',
  method: 'GET',
  error: 'rate_limited',
  policy: 'jwt, or * for any',
  shadow: 'jwt, or * for any',
}

/** What requests are searched by. @param names filters that count here */
export function FilterForm({
  filter,
  names,
  onFilter,
}: {
  readonly filter: Filter
  readonly names: ReadonlySet<FilterName>
  readonly onFilter: (filter: Filter) => void
}) {
  return (
    <form
      class="filters"
      aria-label="Filters"
      onSubmit={(event) => {
        event.preventDefault()
        onFilter(filterOf(event.currentTarget))
      }}
    >
      {FILTERS.filter((name) => names.has(name)).map((name) => (
        <label key={name}>
          {LABELS[name]}
          <input
            name={name}
            {...(name === 'since' ? { type: 'datetime-local', step: 1 } : { maxLength: 1024, spellcheck: false })}
            defaultValue={name === 'since' ? localTime(filter.since) : (filter[name] ?? '')}
            placeholder={PLACEHOLDERS[name] ?? ''}
          />
        </label>
      ))}
      <span class="actions">
        <button type="submit" class="primary">
          Search
        </button>
        {Object.keys(filter).length > 0 && (
          <button type="button" onClick={() => onFilter({})}>
            Clear
          </button>
        )}
      </span>
    </form>
  )
}
