import { useEffect } from 'preact/hooks'
import { wasRouteSought } from '../../../../src/core/decision.ts'
import { type DecisionRecord, foundDecision } from '../../decision-shapes.ts'
import { bytes, plural } from '../../format.ts'
import { recordLink, routeLink } from '../../links.ts'
import { Badge, Card, ms, State, statusKind, Table } from '../../parts.tsx'
import type { Shaped } from '../../shape.ts'
import { useAsk } from '../../use-ask.ts'
import { tryLink } from '../try/described.ts'
import { Copy } from './copy.tsx'
import { listed, neighbours } from './listed.ts'
import { NearMisses } from './near-misses.tsx'
import { PlaceOf, type PolicyStep, PolicySteps } from './policy-steps.tsx'
import { Timeline } from './timeline.tsx'
import { WhatIf } from './what-if.tsx'
import { verdictOf } from './words.ts'

type Found = Shaped<typeof foundDecision>

/** Why one request was answered as it was. */
export function RequestRecord({ id }: { readonly id: string }) {
  const found = useAsk(`/decisions/${encodeURIComponent(id)}`, foundDecision)
  const { newer, older } = neighbours(id)
  useEffect(() => {
    const go = (event: KeyboardEvent): void => {
      const to = event.key === 'ArrowLeft' ? newer : event.key === 'ArrowRight' ? older : ''
      if (to === '' || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || usesArrows(event.target)) return
      event.preventDefault()
      location.hash = recordLink(to)
    }
    window.addEventListener('keydown', go)
    return () => window.removeEventListener('keydown', go)
  }, [newer, older])
  return (
    <>
      <nav class="bar" aria-label="Records">
        <a href={`#/requests${listed.value.query === '' ? '' : `?${listed.value.query}`}`}>All requests</a>
        <span class="end">
          <Neighbour id={newer} title="← Newer" />
          <Neighbour id={older} title="Older →" />
        </span>
      </nav>
      <State of={found} />
      {found.value !== null && <RecordCards {...found.value} />}
    </>
  )
}

/** Where the arrow keys have a meaning of their own. */
function usesArrows(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, select, textarea, .scroll, pre') !== null
}

function Neighbour({ id, title }: { readonly id: string; readonly title: string }) {
  if (id === '') return null
  return (
    <a class="button" href={recordLink(id)}>
      {title}
    </a>
  )
}

function RecordCards({ record, nearMisses, worker, others }: Found) {
  return (
    <div class="stack">
      <Head record={record} worker={worker} others={others} />
      <Card title="Time" wide>
        <Timeline record={record} />
      </Card>
      <Card title="Route" wide>
        <Route record={record} nearMisses={nearMisses} />
      </Card>
      <Card title="Policies, in their order" wide>
        <PolicySteps steps={record.policies.map(stepOf)} />
      </Card>
      <WhatIf id={record.requestId} />
      <Card title="Headers of the request" wide>
        <Table
          label="Headers of the request"
          columns={[{ title: 'Name' }, { title: 'Value' }]}
          empty="There were none."
          rows={record.request.headers.map(([name = '', value = '']) => [
            <code>{name}</code>,
            value === '***' ? <Badge kind="plain">hidden</Badge> : <code>{value}</code>,
          ])}
        />
        {record.request.headersCut && <p class="muted">Further headers are not kept.</p>}
      </Card>
    </div>
  )
}

function Head({ record, worker, others }: { readonly record: DecisionRecord; readonly worker: number; readonly others: number }) {
  const { answer, request } = record
  return (
    <section class="card wide">
      <h2 class="line">
        <Badge kind={statusKind(answer.status)}>{answer.status === 0 ? 'gone' : answer.status}</Badge>
        {request.method === '' ? 'No request' : `${request.method} ${request.scheme}://${request.host}${request.target}`}
      </h2>
      <p class="verdict">{verdictOf(record)}</p>
      {others > 0 && <p class="hint">{plural(others, 'older request has', 'older requests have')} the same id; this is the newest.</p>}
      <dl class="pairs">
        <Fact name="Id">
          <code>{record.requestId}</code> <Copy text={record.requestId} what="id" />
        </Fact>
        <Fact name="Time">
          <time dateTime={record.time}>{new Date(record.time).toLocaleString()}</time> <span class="muted">{record.time}</span>
        </Fact>
        <Fact name="Client">
          {record.client.address}
          {record.client.peer !== record.client.address && ` through ${record.client.peer}`}, {request.protocol} on {record.listener}
        </Fact>
        <Fact name="Caller">{callerWords(record)}</Fact>
        <Fact name="Took">
          {ms(record.durationMs)}, {bytes(record.requestBytes)} in, {bytes(record.responseBytes)} out
        </Fact>
        {answer.grpcStatus !== null && <Fact name="gRPC status">{answer.grpcStatus}</Fact>}
        {record.cache !== null && <Fact name="Cache">{record.cache}</Fact>}
        {record.limit !== null && <Fact name="Limit">{limitWords(record.limit)}</Fact>}
        <Fact name="Revision">
          <code>{record.revision}</code>, worker {worker}
        </Fact>
      </dl>
      {request.method !== '' && (
        <p class="actions">
          <Copy text={location.href} what="link" />
          <a class="button" href={tryLink(record.request, record.listener)}>
            Try it
          </a>
        </p>
      )}
    </section>
  )
}

function Fact({ name, children }: { readonly name: string; readonly children: preact.ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  )
}

function Route({ record, nearMisses }: Pick<Found, 'record' | 'nearMisses'>) {
  const { route, service, answer } = record
  if (!wasRouteSought(record)) return <p class="muted">None was looked for.</p>
  return (
    <>
      <p>
        {route === null ? (
          <b>{answer.error === 'method_not_allowed' ? 'None takes this method.' : 'None takes it.'}</b>
        ) : (
          <>
            <a href={routeLink(route.name)}>{route.name}</a> <code>{route.pattern}</code>
            {service !== '' && ` → ${service}`} <span class="muted">·</span> <PlaceOf at={route.at} />
          </>
        )}
      </p>
      {nearMisses === null ? (
        <p class="muted">What came near is not known any more: that configuration is no longer kept.</p>
      ) : (
        <NearMisses misses={nearMisses} hasRoute={route !== null} />
      )}
    </>
  )
}

const KINDS = {
  passed: 'good',
  answered: 'bad',
  'would have answered': 'warn',
  'not needed': 'plain',
  'not reached': 'plain',
} as const

function stepOf({ kind, mode, verdict, answer, scope, at, notes }: DecisionRecord['policies'][number]): PolicyStep {
  // An answer that is no refusal, a hit of the cache say, is nothing bad.
  const isGood = verdict === 'answered' && /^[123]\d\d$/.test(answer ?? '')
  return {
    name: kind,
    isShadow: mode === 'shadow',
    verdict: answer === null ? verdict : `${verdict} ${answer}`,
    kind: isGood ? 'good' : KINDS[verdict],
    scope,
    at,
    notes,
  }
}

function callerWords({ caller }: DecisionRecord): string {
  if (caller === null) return 'nobody known'
  const { user, consumer, method, credential } = caller
  const who = [user === '' ? '' : `user ${user}`, consumer === '' ? '' : `consumer ${consumer}`].filter((part) => part !== '').join(' of ')
  return `${who || 'somebody'} by ${method}${credential === '' ? '' : `, credential ${credential}`}`
}

function limitWords({ admitted, retryAfterMs, remaining }: NonNullable<DecisionRecord['limit']>): string {
  if (admitted) return `admitted, ${remaining.join(' and ')} left`
  return retryAfterMs === null ? 'refused: it never fits' : `refused for another ${ms(retryAfterMs)}`
}
