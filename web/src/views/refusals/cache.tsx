import { allCaches, cachePoints } from '../../cache-series.ts'
import { Chart } from '../../chart.tsx'
import { percent } from '../../format.ts'
import { traffic } from '../../live.ts'
import { Card, perSecond, Table } from '../../parts.tsx'
import { Purge } from './purge.tsx'

const LINES = [
  { name: 'hits', label: 'Hits', color: '--green' },
  { name: 'misses', label: 'Misses', color: '--orange' },
  { name: 'stale', label: 'Stale', color: '--blue' },
  { name: 'bypassed', label: 'Bypassed', color: '--muted' },
] as const

const number = (title: string) => ({ title, isNumber: true })

/** How caches do, over time and by the place that they are configured at. */
export function Cache() {
  const now = traffic.value
  const points = cachePoints.value
  if (now === null) return null
  const used = now.caches.filter(({ hits, misses, bypassed }) => hits + misses + bypassed > 0)
  const sum = allCaches(now.caches)
  return (
    <>
      <section class="card wide">
        {now.caches.length === 0 ? (
          <p class="muted">No route has a cache.</p>
        ) : (
          <Chart
            title={`Caches, requests a second; ${percent(sum.hits, sum.hits + sum.misses)} hits since the start`}
            times={points.map(({ time }) => time)}
            series={LINES.map(({ name, label, color }) => ({ label, color, values: points.map((point) => point[name]) }))}
            format={perSecond}
          />
        )}
      </section>
      <Card title="Caches, since the start">
        <Table
          label="Caches"
          empty="No cache was asked."
          columns={[{ title: 'Configured at' }, number('Hits'), number('Misses'), number('Stale'), number('Bypassed'), number('Hit ratio')]}
          rows={used.map(({ policy, hits, misses, stale, bypassed }) => [
            policy,
            hits,
            misses,
            stale,
            bypassed,
            percent(hits, hits + misses),
          ])}
        />
      </Card>
      <Purge />
    </>
  )
}
