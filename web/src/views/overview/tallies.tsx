import { useSignal } from '@preact/signals'
import { quantile } from '../../metrics.ts'
import { Card } from '../../parts.tsx'
import type { Tally, Traffic } from '../../traffic-shape.ts'
import { age, ms, perSecond } from '../../units.ts'
import { serviceLink } from '../map/place.ts'

interface Row {
  readonly name: string
  readonly rate: number
  readonly failed: number
  readonly refused: number
  readonly p50: number | null
  readonly p90: number | null
  readonly p99: number | null
}

const COLUMNS = [
  ['rate', 'Req/s'],
  ['failed', '5xx'],
  ['refused', '4xx'],
  ['p50', 'p50'],
  ['p90', 'p90'],
  ['p99', 'p99'],
] as const
type Column = (typeof COLUMNS)[number][0]

/** What the metrics say where no route took a request, or a route has no service. */
const NONE = '(none)'

interface Props {
  readonly title: 'Routes' | 'Services'
  readonly window: Traffic['window']
  readonly tallies: readonly Tally[]
  readonly active: number
  readonly of: Traffic
}

/** Rates, failures and percentiles of the busiest and the most failing, ordered by any of them. */
export function TallyTable({ title, window, tallies, active, of }: Props) {
  const order = useSignal<Column>('rate')
  const rows = tallies.map((tally) => rowOf(tally, window.seconds, of.durations.boundsMs))
  rows.sort((a, b) => (b[order.value] ?? -1) - (a[order.value] ?? -1) || a.name.localeCompare(b.name))
  const note = window.seconds === 0 ? '' : `last ${age(window.seconds)}${active > rows.length ? `, ${rows.length} of ${active}` : ''}`
  return (
    <Card title={title} note={note}>
      {rows.length === 0 ? (
        <p class="empty">{window.seconds === 0 ? 'Counting from now on.' : 'No requests.'}</p>
      ) : (
        <section class="scroll tall" tabIndex={0} aria-label={title}>
          <table>
            <thead>
              <tr>
                <th scope="col">{title === 'Routes' ? 'Path' : 'Service'}</th>
                {COLUMNS.map(([key, name]) => (
                  <th key={key} scope="col" class="number" aria-sort={order.value === key ? 'descending' : undefined}>
                    <button
                      type="button"
                      class="sort"
                      onClick={() => {
                        order.value = key
                      }}
                    >
                      {name}
                    </button>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.name}>
                  <td class="name">
                    <Name title={title} name={row.name} />
                  </td>
                  <td class="number">{perSecond(row.rate)}</td>
                  <td class={`number ${row.failed > 0 ? 'hot' : 'zero'}`}>{share(row.failed)}</td>
                  <td class={`number ${row.refused > 0 ? '' : 'zero'}`}>{share(row.refused)}</td>
                  <td class="number">{ms(row.p50)}</td>
                  <td class="number">{ms(row.p90)}</td>
                  <td class="number">{ms(row.p99)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Card>
  )
}

function Name({ title, name }: { readonly title: Props['title']; readonly name: string }) {
  if (name === NONE) return <span class="muted">{title === 'Routes' ? 'no route' : 'no service'}</span>
  return title === 'Routes' ? <code>{name}</code> : <a href={serviceLink(name)}>{name}</a>
}

const share = (percent: number): string => (percent === 0 ? '0 %' : `${percent.toFixed(1)} %`)

function rowOf({ name, requests, failed, refused, durations }: Tally, seconds: number, boundsMs: readonly number[]): Row {
  return {
    name,
    rate: requests / seconds,
    failed: (100 * failed) / requests,
    refused: (100 * refused) / requests,
    p50: quantile(boundsMs, durations, 0.5),
    p90: quantile(boundsMs, durations, 0.9),
    p99: quantile(boundsMs, durations, 0.99),
  }
}
