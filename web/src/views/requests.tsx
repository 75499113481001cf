import { useSignal } from '@preact/signals'
import { ask } from '../api.ts'
import { type DecisionRecord, decisionList, foundDecision, whatIfAnswer } from '../decision-shapes.ts'
import { Badge, Card, ms, State, statusKind, Table } from '../parts.tsx'
import type { Shaped } from '../shape.ts'
import { useAsk } from '../use-ask.ts'

const FILTERS = ['path', 'route', 'service', 'consumer', 'method', 'status', 'error', 'policy'] as const

export function Requests({ rest }: { readonly rest: string }) {
  return rest === '' || rest.includes('=') ? <List key={rest} filter={rest} /> : <Detail key={rest} id={rest} />
}

const timeOf = (iso: string): string => new Date(iso).toLocaleTimeString(undefined, { hour12: false })

function List({ filter }: { readonly filter: string }) {
  const given = new URLSearchParams(filter)
  const list = useAsk(`/decisions?limit=200${filter === '' ? '' : `&${filter}`}`, decisionList, 5_000)
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (!(event.currentTarget instanceof HTMLFormElement)) return
    const wanted = new URLSearchParams()
    for (const [name, value] of new FormData(event.currentTarget))
      if (typeof value === 'string' && value.trim() !== '') wanted.set(name, value.trim())
    location.hash = `#/requests/${encodeURIComponent(wanted.toString())}`
  }
  return (
    <>
      <form class="filters" onSubmit={submit} aria-label="Filters">
        {FILTERS.map((name) => (
          <label key={name}>
            {name}
            <input name={name} defaultValue={given.get(name) ?? ''} placeholder={name === 'status' ? '404, 5xx, 400-499' : ''} />
          </label>
        ))}
        <button type="submit" class="primary">
          Search
        </button>
        {filter !== '' && <a href="#/requests">Clear</a>}
      </form>
      <Card title={list.value === null ? 'Requests' : `Newest of ${list.value.count} records`} wide>
        <State of={list} />
        {list.value !== null && (
          <Table
            label="Requests"
            empty="No record fits. Records are kept of the newest requests only."
            columns={[
              { title: 'Time' },
              { title: 'Request' },
              { title: 'Status', isNumber: true },
              { title: 'Cause' },
              { title: 'Route' },
              { title: 'Service' },
              { title: 'Tries', isNumber: true },
              { title: 'Took', isNumber: true },
            ]}
            rows={list.value.decisions.map((one) => [
              timeOf(one.time),
              <a href={`#/requests/${encodeURIComponent(one.requestId)}`}>
                {one.method} {one.path}
              </a>,
              <Badge kind={statusKind(one.status)}>{one.status}</Badge>,
              one.error ?? '',
              one.route || '–',
              one.service || '–',
              one.attempts,
              ms(one.durationMs),
            ])}
          />
        )}
      </Card>
    </>
  )
}

type Found = Shaped<typeof foundDecision>

function Detail({ id }: { readonly id: string }) {
  const found = useAsk(`/decisions/${encodeURIComponent(id)}`, foundDecision)
  return (
    <>
      <p>
        <a href="#/requests">← All requests</a>
      </p>
      <State of={found} />
      {found.value !== null && <Record {...found.value} />}
    </>
  )
}

function Record({ record, nearMisses }: Found) {
  const { answer, request, route } = record
  const by = answer.from.by === 'policy' ? `the policy ${answer.from.kind}` : answer.from.by
  return (
    <div class="stack">
      <Card title={`${request.method} ${request.target}`} wide>
        <p class="facts">
          <Badge kind={statusKind(answer.status)}>{answer.status}</Badge> {answer.error ?? ''} from {by} in {ms(record.durationMs)}
        </p>
        <dl class="pairs">
          <dt>Id</dt>
          <dd>
            <code>{record.requestId}</code>
          </dd>
          <dt>Time</dt>
          <dd>{record.time}</dd>
          <dt>Host</dt>
          <dd>
            {request.host} ({request.protocol}, {record.listener})
          </dd>
          <dt>Client</dt>
          <dd>{record.client.address}</dd>
          <dt>Caller</dt>
          <dd>{record.caller === null ? 'nobody known' : record.caller.consumer || record.caller.user}</dd>
          <dt>Revision</dt>
          <dd>
            <code>{record.revision}</code>
          </dd>
          <dt>Route</dt>
          <dd>
            {route === null ? (
              'none'
            ) : (
              <>
                <a href={`#/map/${encodeURIComponent(route.name)}`}>{route.name}</a> {route.pattern}{' '}
                <code>
                  {route.at.file}:{route.at.line}
                </code>
              </>
            )}
          </dd>
          {record.cache !== null && (
            <>
              <dt>Cache</dt>
              <dd>{record.cache}</dd>
            </>
          )}
        </dl>
      </Card>
      <Card title="Policies, in their order" wide>
        <Table
          label="Policies"
          empty="None were in force."
          columns={[{ title: 'Policy' }, { title: 'Verdict' }, { title: 'Notes' }, { title: 'Written at' }]}
          rows={record.policies.map((policy) => [
            policy.kind,
            <Badge
              kind={
                policy.verdict === 'answered'
                  ? 'bad'
                  : policy.verdict === 'would have answered'
                    ? 'warn'
                    : policy.verdict === 'passed'
                      ? 'good'
                      : 'plain'
              }
            >
              {policy.verdict}
              {policy.answer === null ? '' : ` ${policy.answer}`}
            </Badge>,
            policy.notes.join('; '),
            <>
              <small>{policy.scope}</small>
              <code>
                {policy.at.file}:{policy.at.line}
              </code>
            </>,
          ])}
        />
      </Card>
      <Card title="Attempts" wide>
        <Attempts record={record} />
      </Card>
      {nearMisses !== null && nearMisses.length > 0 && (
        <Card title="Routes that came near" wide>
          <Table
            label="Routes that came near"
            empty=""
            columns={[{ title: 'Route' }, { title: 'What was not so' }]}
            rows={nearMisses.map((miss) => [miss.route, miss.message])}
          />
        </Card>
      )}
      <WhatIf id={record.requestId} />
    </div>
  )
}

/** Bars over the time of the whole exchange. */
function Attempts({ record: { attempts, durationMs } }: { readonly record: DecisionRecord }) {
  if (attempts.length === 0) return <p class="muted">No service was asked.</p>
  const percent = (value: number): string => `${Math.min(100, (100 * value) / Math.max(durationMs, 0.001))}%`
  return (
    <ol class="bars">
      {attempts.map((attempt, i) => (
        <li key={i}>
          <span>
            {attempt.target} <Badge kind={statusKind(attempt.status)}>{attempt.error ?? attempt.status}</Badge> {ms(attempt.durationMs)}{' '}
            from {ms(attempt.offsetMs)}
          </span>
          <div class="track">
            <i
              class={attempt.error === null ? '' : 'bad'}
              style={{ marginLeft: percent(attempt.offsetMs), width: percent(attempt.durationMs) }}
            />
          </div>
        </li>
      ))}
    </ol>
  )
}

function textOf(form: FormData, name: string): string {
  const value = form.get(name)
  return typeof value === 'string' ? value.trim() : ''
}

function WhatIf({ id }: { readonly id: string }) {
  const result = useSignal<Shaped<typeof whatIfAnswer> | null>(null)
  const error = useSignal('')
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (!(event.currentTarget instanceof HTMLFormElement)) return
    const form = new FormData(event.currentTarget)
    void judge(textOf(form, 'name'), textOf(form, 'value'))
  }
  const judge = async (name: string, value: string): Promise<void> => {
    try {
      result.value = await ask(`/decisions/${encodeURIComponent(id)}/if`, whatIfAnswer, {
        headers: { [name]: value === '' ? null : value },
      })
      error.value = ''
    } catch (cause) {
      error.value = cause instanceof Error ? cause.message : String(cause)
    }
  }
  return (
    <Card title="What if it had another header?" wide>
      <form class="filters" onSubmit={submit} aria-label="What if">
        <label>
          Header
          <input name="name" required placeholder="X-Beta" />
        </label>
        <label>
          Value, empty for none
          <input name="value" />
        </label>
        <button type="submit" class="primary">
          Judge again
        </button>
      </form>
      {error.value !== '' && (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
      <div aria-live="polite">
        {result.value !== null && (
          <Table
            label="Differences"
            empty="Nothing would be different."
            columns={[{ title: 'What' }, { title: 'Was' }, { title: 'Would be' }]}
            rows={result.value.differences.map((one) => [one.what, one.before, one.after])}
          />
        )}
      </div>
    </Card>
  )
}
