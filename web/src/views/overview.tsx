import { Chart, type Series } from '../chart.tsx'
import { requestsLink } from '../links.ts'
import { type Point, points, traffic } from '../live.ts'
import { quantile, sum } from '../metrics.ts'
import { Card, Skeleton, Table } from '../parts.tsx'
import type { Traffic } from '../traffic-shape.ts'
import { age, count, ms, perSecond } from '../units.ts'
import { TallyTable } from './overview/tallies.tsx'
import { Troubles } from './overview/troubles.tsx'

/** Causes that have a line of their own. */
const CAUSES_MAX = 5
const CAUSE_COLORS = ['--red', '--orange', '--violet', '--blue', '--teal']
const STATUS_COLORS: readonly (readonly [string, string])[] = [
  ['2xx', '--green'],
  ['1xx', '--teal'],
  ['3xx', '--blue'],
  ['gone', '--grey'],
  ['4xx', '--orange'],
  ['5xx', '--red'],
]

export function Overview() {
  const now = traffic.value
  if (now === null) return <Skeleton label="Asking the gateway for its traffic" />
  const series = points.value
  const times = series.map(({ time }) => time)
  return (
    <div class="stack">
      <Troubles troubles={now.troubles} total={now.troublesTotal} />
      <Tiles now={now} last={series.at(-1)} />
      <div class="grid thirds">
        <section class="card">
          <Chart title="Requests per second" times={times} series={statusSeries(series)} isStack format={perSecond} />
        </section>
        <section class="card">
          <Chart
            title="Latency"
            times={times}
            format={ms}
            series={[
              { label: 'p50', color: '--green', values: series.map(({ p50 }) => p50) },
              { label: 'p90', color: '--blue', values: series.map(({ p90 }) => p90) },
              { label: 'p99', color: '--orange', values: series.map(({ p99 }) => p99) },
            ]}
          />
        </section>
        <section class="card">
          <Chart title="Errors per second, by cause" times={times} series={causeSeries(series)} format={perSecond} />
        </section>
      </div>
      <div class="grid">
        <TallyTable title="Routes" window={now.window} tallies={now.window.routes} active={now.window.routesActive} of={now} />
        <TallyTable title="Services" window={now.window} tallies={now.window.services} active={now.window.servicesActive} of={now} />
      </div>
      <Causes now={now} />
    </div>
  )
}

/** Those that had any, with 2xx always, so that the legend does not come and go. */
function statusSeries(series: readonly Point[]): Series[] {
  return STATUS_COLORS.filter(([name]) => name === '2xx' || series.some(({ statuses }) => (statuses[name] ?? 0) > 0)).map(
    ([label, color]) => ({ label, color, values: series.map(({ statuses }) => statuses[label] ?? 0) }),
  )
}

/** The most frequent causes of the whole time; what is rarer is drawn as one. */
function causeSeries(series: readonly Point[]): Series[] {
  const totals = new Map<string, number>()
  for (const { errors } of series) for (const [code, rate] of Object.entries(errors)) totals.set(code, (totals.get(code) ?? 0) + rate)
  const ranked = [...totals].filter(([, total]) => total > 0).toSorted(([, a], [, b]) => b - a)
  const own = ranked.slice(0, CAUSES_MAX).map(([code]) => code)
  const lines = own.map((label, i) => ({
    label,
    color: CAUSE_COLORS[i] ?? '--grey',
    values: series.map(({ errors }) => errors[label] ?? 0),
  }))
  if (ranked.length <= CAUSES_MAX) return lines.length > 0 ? lines : [{ label: 'none', color: '--grey', values: series.map(() => 0) }]
  const rest = series.map(({ errors }) =>
    sum(
      Object.entries(errors)
        .filter(([code]) => !own.includes(code))
        .map(([, rate]) => rate),
    ),
  )
  return [...lines, { label: 'others', color: '--grey', values: rest }]
}

function Tile({
  name,
  value,
  note,
  kind,
}: {
  readonly name: string
  readonly value: string
  readonly note: string
  readonly kind?: string
}) {
  return (
    <div class={`tile ${kind ?? ''}`}>
      <dt>{name}</dt>
      <dd>
        {value}
        <small>{note}</small>
      </dd>
    </div>
  )
}

function Tiles({ now, last }: { readonly now: Traffic; readonly last: Point | undefined }) {
  const { gateway, config, window, durations } = now
  const all = window.services.reduce<number[]>((sums, one) => one.durations.map((n, i) => n + (sums[i] ?? 0)), [])
  const requests = sum(window.services.map((one) => one.requests))
  const failed = sum(window.services.map((one) => one.failed))
  const share = requests === 0 ? null : (100 * failed) / requests
  const over = window.seconds === 0 ? 'counting from now on' : `last ${age(window.seconds)}`
  const loadedS = config.loadedAt === null ? null : (Date.parse(now.at) - Date.parse(config.loadedAt)) / 1_000
  return (
    <dl class="tiles">
      <Tile name="Requests/s" value={last === undefined ? '–' : perSecond(last.rate)} note={`${count(requests)} ${over}`} />
      <Tile
        name="Failed, 5xx"
        value={share === null ? '–' : `${share.toFixed(share < 10 ? 2 : 1)} %`}
        note={`${count(failed)} of ${count(requests)}`}
        {...(share !== null && share >= 1 && { kind: 'bad' })}
      />
      <Tile name="Latency p50" value={ms(quantile(durations.boundsMs, all, 0.5))} note={over} />
      <Tile name="Latency p99" value={ms(quantile(durations.boundsMs, all, 0.99))} note={over} />
      <Tile name="In flight" value={count(gateway.inFlight)} note={`${count(gateway.connections)} connections`} />
      <Tile name="Event loop delay" value={ms(gateway.eventLoopDelayMs.p99)} note={`p99; busy ${Math.round(100 * gateway.busyRatio)} %`} />
      <Tile
        name="Workers"
        value={`${gateway.workersServing} of ${gateway.workersWanted}`}
        note={`${count(Math.round(gateway.memoryBytes / 2 ** 20))} MiB`}
        {...(gateway.workersServing < gateway.workersWanted && { kind: 'bad' })}
      />
      <Tile
        name="Configuration"
        value={config.runningRevision?.slice(0, 7) ?? '–'}
        note={loadedS === null ? 'none in force' : `in force for ${age(loadedS)}`}
        {...(config.lastError !== null && { kind: 'bad' })}
      />
    </dl>
  )
}

function Causes({ now: { window } }: { readonly now: Traffic }) {
  const causes = Object.entries(window.errors).toSorted(([, a], [, b]) => b - a)
  const most = causes[0]?.[1] ?? 1
  return (
    <Card title="Errors by cause" note={window.seconds === 0 ? '' : `last ${age(window.seconds)}`}>
      <Table
        label="Errors by cause"
        empty={window.seconds === 0 ? 'Counting from now on.' : 'No exchange ended in an error.'}
        columns={[{ title: 'Cause' }, { title: 'Share' }, { title: 'Requests', isNumber: true }, { title: 'Per second', isNumber: true }]}
        rows={causes.map(([code, times]) => [
          <a href={requestsLink({ error: code })}>{code}</a>,
          <span class="share" style={{ width: `${(100 * times) / most}%` }} />,
          count(times),
          perSecond(times / window.seconds),
        ])}
      />
    </Card>
  )
}
