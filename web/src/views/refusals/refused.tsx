import { type DecisionSummary, decisionList } from '../../decision-shapes.ts'
import { plural } from '../../format.ts'
import { requestsLink } from '../../links.ts'
import { traffic } from '../../live.ts'
import { Card, State } from '../../parts.tsx'
import { useAsk } from '../../use-ask.ts'
import { Bars, countBy } from './bars.tsx'

const REFRESH_MS = 10_000
const ROWS_MAX = 20
/** Codes of refusals in the metrics are those that policies answer with, and these of the gateway itself are none. */
const REFUSED = '/decisions?policy=*&status=400-599&limit=1000'
const IN_SHADOW = '/decisions?shadow=*&limit=1000'

/** Who was refused by what, of the records that are kept and of the counters. */
export function Refused() {
  const refused = useAsk(REFUSED, decisionList, REFRESH_MS)
  const shadow = useAsk(IN_SHADOW, decisionList, REFRESH_MS)
  // A service's own refusal passes through policies that did not answer.
  const all = refused.value?.decisions.filter(({ policy }) => policy !== '') ?? []
  const would = shadow.value?.decisions ?? []
  return (
    <>
      <Card title={`Refused by policy${refused.value === null ? '' : `, ${plural(all.length, 'newest', 'newest')}`}`}>
        <State of={refused} />
        {refused.value !== null && <ByPolicy decisions={all} />}
      </Card>
      <Card title="Refused by consumer">
        <State of={refused} />
        {refused.value !== null && (
          <Bars
            kind="bad"
            empty="Nobody was refused."
            bars={countBy(all, ({ consumer }) => consumer || '(nobody known)', ROWS_MAX).map(([name, count]) => ({
              key: name,
              label: name.startsWith('(') ? name : <a href={requestsLink({ consumer: name, policy: '*', status: '400-599' })}>{name}</a>,
              count,
            }))}
          />
        )}
      </Card>
      <Card title="In shadow: would have been refused">
        <State of={shadow} />
        {shadow.value !== null && (
          <Bars
            kind="warn"
            empty="No policy in shadow would have answered any of the requests that are kept."
            bars={countBy(
              would.flatMap((one) => one.shadow),
              (kind) => kind,
              ROWS_MAX,
            ).map(([kind, count]) => ({
              key: kind,
              label: <a href={requestsLink({ shadow: kind })}>{kind}</a>,
              count,
            }))}
          />
        )}
      </Card>
      <Card title="All that was not answered as asked, since the start">
        <ByCause />
      </Card>
    </>
  )
}

function ByPolicy({ decisions }: { readonly decisions: readonly DecisionSummary[] }) {
  const bars = countBy(decisions, ({ policy, error, status }) => JSON.stringify([policy, error ?? String(status)]), ROWS_MAX)
  return (
    <Bars
      kind="bad"
      empty="No policy has refused any of the requests that are kept."
      bars={bars.map(([key, count]) => {
        const [policy = '', cause = ''] = wordsOf(key)
        const isCode = !/^\d+$/.test(cause)
        return {
          key,
          label: (
            <>
              <a href={requestsLink({ policy, ...(isCode ? { error: cause } : { status: cause }) })}>{policy}</a>{' '}
              <span class="muted">{cause}</span>
            </>
          ),
          count,
        }
      })}
    />
  )
}

function wordsOf(key: string): readonly string[] {
  const words: unknown = JSON.parse(key)
  return Array.isArray(words) ? words.map(String) : []
}

/** Of the metrics, which forget nothing until a restart. */
function ByCause() {
  const now = traffic.value
  if (now === null)
    return (
      <p class="muted" role="status">
        Loading…
      </p>
    )
  const causes = Object.entries(now.errors)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .slice(0, ROWS_MAX)
  const hits = Object.entries(now.limitHits).filter(([, count]) => count > 0)
  return (
    <>
      <Bars
        kind="plain"
        empty="Everything was answered as asked."
        bars={causes.map(([code, count]) => ({ key: code, label: <a href={requestsLink({ error: code })}>{code}</a>, count }))}
      />
      {hits.length > 0 && (
        <p class="muted">Limits were used up {hits.map(([type, count]) => `${plural(count, 'time')} by ${type}`).join(', ')}.</p>
      )}
    </>
  )
}
