import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ApiError } from '../../api.ts'
import { plural } from '../../format.ts'
import { PauseButton } from '../../parts.tsx'
import { queryOf, readFilter, TAP_FILTERS } from './filter.ts'
import { FilterForm } from './filter-form.tsx'
import { RequestRows } from './rows.tsx'
import { type TappedExchange, watchTap } from './tap-stream.ts'

const SHOWN_MAX = 200
/** The list is drawn so often at most, however fast exchanges come. */
const DRAW_MS = 250
const RETRY_MS = 3_000

type Phase = 'connecting' | 'open' | 'paused'

/** Exchanges as they finish, the newest first and the newest 200 only. @param query behind the question mark of the hash */
export function LiveTap({ query }: { readonly query: string }) {
  const filter = Object.fromEntries(Object.entries(readFilter(query)).filter(([name]) => [...TAP_FILTERS].some((one) => one === name)))
  const rows = useSignal<readonly TappedExchange[]>([])
  const lost = useSignal(0)
  const seen = useSignal(0)
  const phase = useSignal<Phase>('connecting')
  const error = useSignal('')
  const isPaused = useSignal(false)
  const asked = queryOf(filter)
  useEffect(() => {
    if (isPaused.value) {
      phase.value = 'paused'
      return
    }
    const abort = new AbortController()
    let waiting: TappedExchange[] = []
    const draw = setInterval(() => {
      if (waiting.length === 0) return
      rows.value = [...waiting.toReversed(), ...rows.value].slice(0, SHOWN_MAX)
      waiting = []
    }, DRAW_MS)
    const watch = async (): Promise<void> => {
      phase.value = 'connecting'
      try {
        await watchTap(asked, abort.signal, {
          onOpen: () => {
            phase.value = 'open'
            error.value = ''
          },
          onExchanges: (exchanges) => {
            seen.value += exchanges.length
            waiting = [...waiting, ...exchanges].slice(-SHOWN_MAX)
          },
          onLost: (count) => {
            lost.value += count
          },
        })
      } catch (cause) {
        if (!abort.signal.aborted) error.value = cause instanceof ApiError ? cause.message : 'The gateway does not answer.'
      }
      // It ends each tap after an hour, and when it ends itself.
      if (!abort.signal.aborted) retry = setTimeout(() => void watch(), RETRY_MS)
    }
    let retry: ReturnType<typeof setTimeout> | undefined
    void watch()
    return () => {
      abort.abort()
      clearInterval(draw)
      clearTimeout(retry)
    }
  }, [asked, isPaused.value])
  return (
    <>
      <FilterForm
        filter={filter}
        names={TAP_FILTERS}
        onFilter={(wanted) => {
          location.hash = `#/requests?live&${queryOf(wanted)}`
        }}
      />
      <section class="card">
        <div class="bar">
          <h2>Exchanges as they finish</h2>
          <span class="muted" role="status">
            {{ connecting: 'Connecting…', open: 'Watching', paused: 'Paused' }[phase.value]}
          </span>
          <span class="end">
            <span class="muted">
              {plural(seen.value, 'exchange')}, {lost.value} lost
            </span>
            <PauseButton isPaused={isPaused} />
          </span>
        </div>
        {lost.value > 0 && (
          <p class="hint">
            {plural(lost.value, 'exchange')} could not be shown: more finished than the gateway sends, or than this page could read. Filters
            help.
          </p>
        )}
        {error.value !== '' && (
          <p class="error" role="alert">
            {error.value}
          </p>
        )}
        {rows.value.length === 0 ? (
          <p class="muted">Nothing that fits has finished since this page began to watch.</p>
        ) : (
          <RequestRows label="Exchanges" items={rows.value} />
        )}
      </section>
    </>
  )
}
