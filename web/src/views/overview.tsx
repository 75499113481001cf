import { Chart } from '../chart.tsx'
import { current, lastMinute, points } from '../live.ts'
import { groupSum, quantile, sum } from '../metrics.ts'
import { Card, ms, perSecond, Table } from '../parts.tsx'

const ROWS_MAX = 50

function Tile({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function ageOf(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`
}

/** One row for each value of a label: rate, failures, percentiles. */
function rowsBy(label: 'path' | 'service') {
  const key = ({ labels }: { readonly labels: Readonly<Record<string, string>> }): string => labels[label] ?? ''
  const { grown, seconds } = lastMinute('gateway_requests_total')
  const failed = groupSum(
    grown.filter(({ labels }) => (labels['status'] ?? '') >= '500'),
    key,
  )
  const buckets = Map.groupBy(lastMinute('gateway_request_duration_ms_bucket').grown, key)
  return [...groupSum(grown, key)]
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .slice(0, ROWS_MAX)
    .map(([name, count]) => {
      const own = buckets.get(name) ?? []
      const share = (100 * (failed.get(name) ?? 0)) / count
      return [
        name,
        perSecond(count / seconds),
        `${share.toFixed(1)} %`,
        ms(quantile(own, 0.5)),
        ms(quantile(own, 0.9)),
        ms(quantile(own, 0.99)),
      ]
    })
}

const columns = (name: string) => [{ title: name }, ...['Req/s', '5xx', 'p50', 'p90', 'p99'].map((title) => ({ title, isNumber: true }))]

export function Overview() {
  const reading = current.value
  if (reading === null)
    return (
      <p class="muted" role="status">
        Loading…
      </p>
    )
  const all = [...reading.values()]
  const of = (name: string): number => sum(all, name)
  const last = points.value.at(-1)
  const series = points.value
  const times = series.map(({ time }) => time)
  const causes = lastMinute('gateway_errors_total')
  const revision = all.find(({ name }) => name === 'gateway_config_info')?.labels['revision'] ?? '–'
  const loadedS = of('gateway_config_loaded_timestamp_seconds')
  return (
    <>
      <dl class="tiles">
        <Tile name="Requests/s" value={last === undefined ? '–' : perSecond(last.rate)} />
        <Tile name="Errors/s" value={last === undefined ? '–' : perSecond(last.errors)} />
        <Tile name="p99" value={ms(last?.p99 ?? null)} />
        <Tile name="In flight" value={String(of('gateway_requests_in_flight'))} />
        <Tile name="Connections" value={String(of('gateway_connections'))} />
        <Tile name="Workers" value={`${of('gateway_workers_serving')} of ${of('gateway_workers_wanted')}`} />
        <Tile name="Revision" value={revision.slice(0, 8)} />
        <Tile name="In force for" value={loadedS === 0 ? '–' : ageOf(Date.now() / 1_000 - loadedS)} />
      </dl>
      <div class="grid">
        <Card title="Requests and errors per second">
          <Chart
            label="Requests and errors per second, the last 15 minutes"
            unit=""
            lines={[
              { label: 'requests', color: '--blue' },
              { label: 'errors', color: '--red' },
            ]}
            data={[times, series.map(({ rate }) => rate), series.map(({ errors }) => errors)]}
          />
        </Card>
        <Card title="Latency">
          <Chart
            label="Latency percentiles, the last 15 minutes"
            unit=" ms"
            lines={[
              { label: 'p50', color: '--green' },
              { label: 'p90', color: '--blue' },
              { label: 'p99', color: '--orange' },
            ]}
            data={[times, series.map(({ p50 }) => p50), series.map(({ p90 }) => p90), series.map(({ p99 }) => p99)]}
          />
        </Card>
        <Card title="Routes, last minute">
          <Table label="Routes" columns={columns('Path')} rows={rowsBy('path')} empty="No requests in the last minute." />
        </Card>
        <Card title="Services, last minute">
          <Table label="Services" columns={columns('Service')} rows={rowsBy('service')} empty="No requests in the last minute." />
        </Card>
        <Card title="Errors by cause, last minute" wide>
          <Table
            label="Errors by cause"
            columns={[{ title: 'Cause' }, { title: 'Count', isNumber: true }, { title: 'Per second', isNumber: true }]}
            empty="No errors in the last minute."
            rows={[...groupSum(causes.grown, ({ labels }) => labels['code'] ?? '')]
              .filter(([, n]) => n > 0)
              .sort(([, a], [, b]) => b - a)
              .map(([code, count]) => [<a href={`#/requests/error=${code}`}>{code}</a>, count, perSecond(count / causes.seconds)])}
          />
        </Card>
      </div>
    </>
  )
}
