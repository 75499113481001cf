import { ask } from '../../api.ts'
import { mayWrite } from '../../caller.ts'
import { askFirst } from '../../confirm.tsx'
import { requestsLink } from '../../links.ts'
import { refresh } from '../../live.ts'
import { Badge, Card, Table } from '../../parts.tsx'
import { anything } from '../../shape.ts'
import { count } from '../../units.ts'
import { Counts } from './health.tsx'
import type { Route, Service, Target } from './shapes.ts'

/** Where a route stands, and what it asks of requests. */
export function RouteDetails({ route }: { readonly route: Route }) {
  const { name, at, hosts, paths, methods, headers, query, priority, policies } = route
  const pairs: readonly (readonly [string, string])[] = [
    ['Hosts', hosts.join(', ') || 'any'],
    ['Paths', paths.join(', ') || 'any'],
    ['Methods', methods.join(', ') || 'any'],
    ['Headers', headers.join(', ') || 'none asked for'],
    ['Query', query.join(', ') || 'none asked for'],
    ['Priority', String(priority)],
  ]
  return (
    <Card title={`Route ${name}`} note={<a href={requestsLink({ route: name })}>Its newest requests</a>}>
      <dl class="pairs">
        <dt>Written at</dt>
        <dd>
          <code>
            {at.file}:{at.line}
          </code>
        </dd>
        {pairs.map(([title, value]) => [<dt key={title}>{title}</dt>, <dd key={`${title} value`}>{value}</dd>])}
        <dt>Policies</dt>
        <dd>
          {policies.length === 0
            ? 'none of its own'
            : policies.map(({ kind, mode }) => (
                <Badge key={kind} kind={mode === 'shadow' ? 'warn' : 'plain'}>
                  {mode === 'shadow' ? `${kind}, shadow` : kind}
                </Badge>
              ))}
        </dd>
      </dl>
    </Card>
  )
}

/** How a service is, with what may be done about it. @param onChange called when something was done */
export function ServiceDetails({ service, onChange }: { readonly service: Service; readonly onChange: () => void }) {
  const { name, breaker, discovery, panic, inFlight, queued, targets } = service
  return (
    <Card title={`Service ${name}`} note={<a href={requestsLink({ service: name })}>Its newest requests</a>}>
      <dl class="pairs">
        <dt>Breaker</dt>
        <dd>
          {breaker === null ? 'none' : <Counts of={breaker} />}
          {breaker !== null && mayWrite.value && (
            <button type="button" class="small" onClick={() => resetBreaker(name, onChange)}>
              Reset
            </button>
          )}
        </dd>
        {discovery !== null && (
          <>
            <dt>Found by</dt>
            <dd>
              {discovery.kind} {discovery.degraded !== null && <Badge kind="warn">{discovery.degraded}</Badge>}
            </dd>
          </>
        )}
        <dt>Requests</dt>
        <dd>
          {count(inFlight)} in flight, {count(queued)} waiting {panic && <Badge kind="bad">panic: all targets are used</Badge>}
        </dd>
      </dl>
      <Table
        label={`Targets of ${name}`}
        empty="It has no targets."
        columns={[
          { title: 'Target' },
          { title: 'Health' },
          { title: 'Weight', isNumber: true },
          { title: 'In flight', isNumber: true },
          { title: 'Connections', isNumber: true },
          ...(mayWrite.value ? [{ title: 'Action' }] : []),
        ]}
        rows={targets.map((target) => [
          <>
            <code>{target.address}</code>
            {target.reasons.map((reason) => (
              <small key={reason}>{reason}</small>
            ))}
          </>,
          <>
            {target.drained && <Badge kind="warn">drained</Badge>}
            <Counts of={target.health} />
          </>,
          target.weight,
          count(target.inFlight),
          count(target.connections),
          ...(mayWrite.value ? [<DrainButton key="drain" service={name} target={target} onChange={onChange} />] : []),
        ])}
      />
    </Card>
  )
}

interface DrainProps {
  readonly service: string
  readonly target: Target
  readonly onChange: () => void
}

function DrainButton({ service, target: { address, drained }, onChange }: DrainProps) {
  const act = async (): Promise<string> => {
    const path = `/services/${encodeURIComponent(service)}/targets/${encodeURIComponent(address)}`
    await ask(`${path}/${drained ? 'undrain' : 'drain'}`, anything, {})
    onChange()
    refresh()
    return drained ? `${address} is in again.` : `${address} is out.`
  }
  const question = (): void =>
    askFirst({
      title: drained ? `Let ${address} back in?` : `Take ${address} out?`,
      text: drained
        ? `It gets its share of the requests to ${service} again.`
        : `It gets no new requests of ${service}, from any worker, until somebody lets it back in or the gateway ends. What is under way goes on.`,
      verb: drained ? 'Let it in' : 'Drain',
      isDangerous: !drained,
      act,
    })
  return (
    <button type="button" class="small" onClick={question} aria-label={`${drained ? 'Undrain' : 'Drain'} ${address} of ${service}`}>
      {drained ? 'Undrain' : 'Drain'}
    </button>
  )
}

function resetBreaker(name: string, onChange: () => void): void {
  askFirst({
    title: `Close the breakers of ${name}?`,
    text: 'All workers forget what they have counted, and send requests to it at once.',
    verb: 'Reset',
    act: async () => {
      await ask(`/services/${encodeURIComponent(name)}/breaker/reset`, anything, {})
      onChange()
      refresh()
      return `The breakers of ${name} are closed.`
    },
  })
}
