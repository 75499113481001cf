import { type DecisionSummary, decisionList } from '../decision-shapes.ts'
import { current } from '../live.ts'
import { groupSum, sum } from '../metrics.ts'
import { Card, State, Table } from '../parts.tsx'
import { useAsk } from '../use-ask.ts'

const number = (title: string) => ({ title, isNumber: true })

/** Counts of equal things, the most frequent first. */
function counts(list: readonly DecisionSummary[], key: (one: DecisionSummary) => string): [string, number][] {
  return [...Map.groupBy(list, key)].map(([name, group]): [string, number] => [name, group.length]).sort(([, a], [, b]) => b - a)
}

export function Refusals() {
  const recent = useAsk('/decisions?limit=1000', decisionList, 10_000)
  const all = [...(current.value?.values() ?? [])]
  const refused = recent.value?.decisions.filter(({ policy, status }) => policy !== '' && status >= 400) ?? []
  const cache = (what: string, policy: string): number =>
    sum(all.filter(({ name, labels }) => name === `gateway_cache_${what}_total` && labels['policy'] === policy))
  const caches = [
    ...groupSum(
      all.filter(({ name }) => name === 'gateway_cache_miss_total'),
      ({ labels }) => labels['policy'] ?? '',
    ).keys(),
  ]
  const hits = groupSum(
    all.filter(({ name }) => name === 'gateway_rate_limit_hits_total'),
    ({ labels }) => labels['limiter_type'] ?? '',
  )
  return (
    <div class="grid">
      <Card title="Refused by policy, last 1000 requests">
        <State of={recent} />
        {recent.value !== null && (
          <Table
            label="By policy"
            empty="No policy has refused any of them."
            columns={[{ title: 'Policy' }, { title: 'Cause' }, number('Requests')]}
            rows={counts(refused, (one) => `${one.policy} ${one.error ?? one.status}`).map(([name, count]) => {
              const [policy = '', cause = ''] = name.split(' ')
              return [<a href={`#/requests/policy=${encodeURIComponent(policy)}`}>{policy}</a>, cause, count]
            })}
          />
        )}
      </Card>
      <Card title="Refused by consumer, last 1000 requests">
        <State of={recent} />
        {recent.value !== null && (
          <Table
            label="By consumer"
            empty="Nobody was refused."
            columns={[{ title: 'Consumer' }, number('Requests')]}
            rows={counts(refused, ({ consumer }) => consumer || '(unknown)')}
          />
        )}
      </Card>
      <Card title="Cache, since start" wide>
        <Table
          label="Cache"
          empty="No cache policy has been used."
          columns={[{ title: 'Policy' }, number('Hits'), number('Misses'), number('Stale'), number('Bypassed'), number('Hit ratio')]}
          rows={caches.map((policy) => {
            const [hit, miss] = [cache('hit', policy), cache('miss', policy)]
            return [
              policy,
              hit,
              miss,
              cache('stale', policy),
              cache('bypass', policy),
              hit + miss === 0 ? '–' : `${((100 * hit) / (hit + miss)).toFixed(1)} %`,
            ]
          })}
        />
      </Card>
      <Card title="Limits used up, since start" wide>
        <Table label="Limits" empty="No limit has been used up." columns={[{ title: 'Counted by' }, number('Refused')]} rows={[...hits]} />
      </Card>
    </div>
  )
}
