import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { decisionList } from '../../decision-shapes.ts'
import { clockTime, plural } from '../../format.ts'
import { FILTERS } from '../../links.ts'
import { PauseButton, State } from '../../parts.tsx'
import { useAsk } from '../../use-ask.ts'
import { queryOf, readFilter } from './filter.ts'
import { FilterForm } from './filter-form.tsx'
import { listed } from './listed.ts'
import { RequestRows } from './rows.tsx'

const ALL_FILTERS = new Set(FILTERS)
const REFRESH_MS = 3_000
const LIMITS = [100, 300, 1_000] as const

/** Records that are kept, the newest first; asked for again and again until that is paused. @param query behind the question mark of the hash */
export function RequestList({ query }: { readonly query: string }) {
  const filter = readFilter(query)
  const isPaused = useSignal(false)
  const limit = useSignal<number>(LIMITS[0])
  const asked = new URLSearchParams({ ...filter, limit: String(limit.value) }).toString()
  const list = useAsk(isPaused.value ? '' : `/decisions?${asked}`, decisionList, REFRESH_MS)
  const found = list.value
  useEffect(() => {
    if (found !== null) listed.value = { query, ids: found.decisions.map(({ requestId }) => requestId) }
  }, [found, query])
  return (
    <>
      <FilterForm
        key={query}
        filter={filter}
        names={ALL_FILTERS}
        onFilter={(wanted) => {
          location.hash = `#/requests?${queryOf(wanted)}`
        }}
      />
      <section class="card">
        <div class="bar">
          <h2>{found === null ? 'Requests' : `${plural(found.decisions.length, 'request')} of ${plural(found.count, 'record')}`}</h2>
          <span class="muted">{found?.oldest != null && `back to ${clockTime(found.oldest)}`}</span>
          <span class="end">
            <label class="inline">
              At most{' '}
              <select
                value={limit.value}
                onChange={(event) => {
                  limit.value = Number(event.currentTarget.value)
                }}
              >
                {LIMITS.map((one) => (
                  <option key={one} value={one}>
                    {one}
                  </option>
                ))}
              </select>
            </label>
            <PauseButton isPaused={isPaused} />
          </span>
        </div>
        <State of={list} />
        {found !== null && found.silent.length > 0 && (
          <p class="error" role="alert">
            Without the records of {plural(found.silent.length, 'worker')} that did not answer.
          </p>
        )}
        {found !== null &&
          (found.decisions.length === 0 ? (
            <Nothing isFiltered={Object.keys(filter).length > 0} count={found.count} />
          ) : (
            <RequestRows label="Requests" items={found.decisions} />
          ))}
      </section>
    </>
  )
}

function Nothing({ isFiltered, count }: { readonly isFiltered: boolean; readonly count: number }) {
  if (count === 0) return <p class="muted">There are no records: no request has come yet, or the configuration says `decisions: false`.</p>
  return <p class="muted">{isFiltered ? 'No record that is kept fits these filters. Older ones are not kept.' : 'There are no records.'}</p>
}
