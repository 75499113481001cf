import type { ComponentChildren } from 'preact'
import { wasRouteSought } from '../../../../src/core/decision.ts'
import type { ExplainedStep, Explanation } from '../../explanation-shapes.ts'
import { plural } from '../../format.ts'
import { routeLink } from '../../links.ts'
import { Badge, Card, ms, statusKind } from '../../parts.tsx'
import { NearMisses } from '../requests/near-misses.tsx'
import { PlaceOf, type PolicyStep, PolicySteps } from '../requests/policy-steps.tsx'

/** What would happen to a request, as a record tells what has. */
export function Explained({ explanation }: { readonly explanation: Explanation }) {
  const { request, route, nearMisses, policies, answer, service, revision } = explanation
  return (
    <div class="stack">
      <section class="card wide">
        <h2 class="line">
          <Badge kind={answer === null ? 'good' : statusKind(answer.status)}>{answer === null ? 'passes' : answer.status}</Badge>
          {request.method} {request.scheme}://{request.authority}
          {request.target}
        </h2>
        <p class="verdict">{verdictOf(explanation)}</p>
        <p class="muted">
          By the listener {request.listener}, on revision <code>{revision}</code>
          {request.path !== request.target.split('?')[0] && (
            <>
              . The path is taken as <code>{request.path || 'none'}</code>
            </>
          )}
        </p>
      </section>
      <Card title="Route" wide>
        <p>
          {route === null ? (
            <b>{missingRoute(explanation)}</b>
          ) : (
            <>
              <a href={routeLink(route.name)}>{route.name}</a> <code>{route.pattern}</code> <span class="muted">·</span>{' '}
              <PlaceOf at={route.at} />
            </>
          )}
        </p>
        {route !== null && Object.keys(route.captures).length > 0 && (
          <Pairs>
            {Object.entries(route.captures).map(([name, value]) => (
              <Pair key={name} name={name}>
                <code>{value}</code>
              </Pair>
            ))}
          </Pairs>
        )}
        <NearMisses misses={nearMisses} hasRoute={route !== null} />
      </Card>
      <Card title="Policies, in their order" wide>
        <PolicySteps steps={withoutRepetition(policies).map(stepOf)} />
      </Card>
      {service !== null && <ServiceCard service={service} />}
      {answer !== null && (
        <Card title="What the client gets" wide>
          <section class="scroll" tabIndex={0} aria-label="Answer">
            <pre>{[`${answer.status}`, ...answer.headers, '', answer.body].join('\n').trimEnd()}</pre>
          </section>
        </Card>
      )}
    </div>
  )
}

function missingRoute({ route, request, answer }: Explanation): string {
  const by = answer?.by == null ? 'gateway' : 'policy'
  if (!wasRouteSought({ route, request, answer: { from: { by }, error: answer?.code ?? null } })) return 'None is looked for.'
  return answer?.status === 405 ? 'None takes this method.' : 'None takes it.'
}

function verdictOf({ route, answer, service }: Explanation): string {
  if (answer !== null) {
    const by = answer.by === null ? 'The gateway' : `The policy ${answer.by}`
    const reason = answer.by === null && route === null && answer.status === 404 ? ': no route takes this request' : ''
    return `${by} answers ${answer.status}${answer.code === null ? '' : ` ${answer.code}`}${reason}.`
  }
  return service === null ? 'Nobody answers.' : `The route ${route?.name ?? ''} takes it, and the service ${service.name} is asked.`
}

function ServiceCard({ service }: { readonly service: NonNullable<Explanation['service']> }) {
  const { name, at, balancer, targets, timeoutMs, attemptTimeoutMs, connectTimeoutMs, retry, head } = service
  return (
    <Card title="What the service is sent" wide>
      <Pairs>
        <Pair name="Service">
          {name} <span class="muted">·</span> <PlaceOf at={at} />
        </Pair>
        <Pair name="Targets">
          {targets.map(({ address, weight }) => (weight === 1 ? address : `${address} (weight ${weight})`)).join(', ')}
          {targets.length > 1 && <span class="muted">, {balancer}</span>}
        </Pair>
        <Pair name="Time">
          {ms(timeoutMs)} in all, {ms(attemptTimeoutMs)} a try, {ms(connectTimeoutMs)} to connect
        </Pair>
        <Pair name="Tries">
          {plural(retry.attempts, 'try', 'tries')}
          {retry.attempts > 1 && retry.statuses.length > 0 && `, also on ${retry.statuses.join(' ')}`}
        </Pair>
      </Pairs>
      <section class="scroll" tabIndex={0} aria-label="Request to the service">
        <pre>{head.join('\n')}</pre>
      </section>
    </Card>
  )
}

function Pairs({ children }: { readonly children: ComponentChildren }) {
  return <dl class="pairs">{children}</dl>
}

function Pair({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  )
}

function stepOf({ policy, phase, mode, verdict, changes, notes, answer, scope, at }: ExplainedStep): PolicyStep {
  const isShadow = mode === 'shadow'
  const words = {
    continue: phase === 'response' ? 'acts on the answer' : 'lets it pass',
    answered: `${isShadow ? 'would answer' : 'answers'} ${answer ?? ''}`.trimEnd(),
    waiting: phase === 'body' ? 'acts on the body' : 'acts on the response',
    'not reached': 'not reached',
  }[verdict]
  const isGood = /^[123]\d\d$/.test(answer ?? '')
  const kind = verdict === 'answered' ? (isShadow ? 'warn' : isGood ? 'good' : 'bad') : verdict === 'continue' ? 'good' : 'plain'
  return {
    name: policy,
    isShadow,
    verdict: words,
    kind,
    scope,
    at,
    notes: [...notes, ...changes.map((one) => (isShadow ? `would ${one}` : one))],
  }
}

/** A policy that answered or was not reached has further steps that were not reached either, and one that waits waits once: nothing is said twice. */
function withoutRepetition(steps: readonly ExplainedStep[]): readonly ExplainedStep[] {
  const ended = new Set<string>()
  const waiting = new Set<string>()
  return steps.filter(({ policy, phase, verdict, mode }) => {
    if (verdict === 'waiting' && phase !== 'body') {
      if (waiting.has(policy)) return false
      waiting.add(policy)
    }
    if (verdict === 'not reached' && ended.has(policy)) return false
    if (verdict === 'not reached' || (verdict === 'answered' && mode !== 'shadow')) ended.add(policy)
    return true
  })
}
