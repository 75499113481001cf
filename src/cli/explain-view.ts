import type { SourceLocation } from '../config/ir.ts'
import type { ExplainedService, ExplainedStep, Explanation } from '../runtime/explain.ts'
import { columns, count, type paint } from './terminal.ts'

type Row = readonly string[]
export type Style = Parameters<typeof paint>[0]
/** Gives a text a style, or leaves it plain. */
export type Paint = (style: Style, text: string) => string

const BODY_LINES_MAX = 10

/** An explanation for a person at a terminal. Ends without a line feed. */
export function renderExplanation(explanation: Explanation, paint: Paint): string {
  return new View(paint).render(explanation)
}

class View {
  readonly #paint: Paint

  constructor(paint: Paint) {
    this.#paint = paint
  }

  render(explanation: Explanation): string {
    const { request, route, nearMisses, policies, answer, service } = explanation
    const sections: (readonly string[])[] = [
      [this.#paint('bold', `${request.method} ${request.authority}${request.target}`)],
      this.#section('Route', this.#route(explanation)),
      this.#section(
        route === null ? 'Came near' : 'Not taken',
        nearMisses.map(({ route: name, message }) => [name, this.#paint('dim', message)]),
      ),
      this.#section(
        'Policies',
        withoutRepetition(policies).flatMap((step) => this.#step(step)),
      ),
    ]
    if (service !== null) {
      sections.push(
        this.#section('Service', this.#service(service)),
        this.#section(
          'Sends',
          service.head.map((line) => [line]),
        ),
      )
    }
    if (answer !== null) {
      const by = answer.by === null ? 'the gateway' : `the policy ${answer.by}`
      const cause = answer.code === null ? '' : this.#paint('dim', ` (${answer.code})`)
      const status = this.#paint(answer.status >= 400 ? 'red' : 'green', String(answer.status))
      const body = answer.body.split('\n', BODY_LINES_MAX).filter((line) => line.trim() !== '')
      const lines = [`${status} from ${by}${cause}`, ...answer.headers, ...body.map((line) => this.#paint('dim', line))]
      sections.push(
        this.#section(
          'Answer',
          lines.map((line) => [line]),
        ),
      )
    }
    return sections
      .filter((lines) => lines.length > 0)
      .map((lines) => lines.join('\n'))
      .join('\n\n')
  }

  #route({ route, answer }: Explanation): Row[] {
    if (route === null) return [[this.#paint('yellow', answer?.status === 405 ? 'none takes this method' : 'none')]]
    const captures = Object.entries(route.captures).map(([name, value]) => [`${this.#paint('cyan', name)} = ${value}`])
    return [[this.#paint('green', route.name), route.pattern, this.#place(route.at)], ...captures]
  }

  #step({ policy, phase, mode, verdict, changes, notes, answer, scope, at }: ExplainedStep): Row[] {
    const shadow = mode === 'shadow'
    const style: Style = verdict === 'answered' ? (shadow ? 'yellow' : 'red') : verdict === 'continue' ? 'green' : 'dim'
    const says = {
      continue: phase === 'response' ? 'acts on the answer' : 'goes on',
      answered: `${shadow ? 'would answer' : 'answers'} ${answer ?? ''}`.trimEnd(),
      waiting: phase === 'body' ? 'acts on the body' : 'acts on the response',
      'not reached': 'not reached',
    }[verdict]
    const part = phase === 'guard' ? `${policy} ${this.#paint('dim', '(guard)')}` : policy
    // The place of a policy that nobody wrote is that of the whole file, where no policy can stand.
    const byDefault = scope === 'everywhere' && at.column === 1
    const name = shadow ? `${part} ${this.#paint('magenta', '(shadow)')}` : part
    return [
      [name, this.#paint(style, says), ...(byDefault ? ['by default', ''] : [scope, this.#place(at)])],
      ...notes.map((note) => [`  ${this.#paint('dim', note)}`]),
      ...changes.map((change) => [`  ${this.#paint('dim', shadow ? `would: ${change}` : change)}`]),
    ]
  }

  #service(service: ExplainedService): Row[] {
    const { name, at, balancer, targets, discovery, timeoutMs, attemptTimeoutMs, connectTimeoutMs, retry } = service
    const weighted = targets.some(({ weight }) => weight !== 1)
    const addresses = targets.map(({ address, weight }) => (weighted ? `${address} (weight ${weight})` : address))
    const limits = [`${span(timeoutMs)} in all`, ...(attemptTimeoutMs < timeoutMs ? [`${span(attemptTimeoutMs)} a try`] : [])]
    return [
      [this.#paint('green', name), this.#place(at)],
      discovery !== null
        ? ['targets', `${discoveryWords(discovery)}, ${balancer}`]
        : ['targets', `${addresses.join(', ')}${targets.length > 1 ? `, ${balancer}` : ''}`],
      ['time', [...limits, `${span(connectTimeoutMs)} to connect`].join(', ')],
      ['retry', retryWords(retry)],
      ...resilienceRows(service),
    ]
  }

  #section(title: string, rows: readonly Row[]): readonly string[] {
    const [first, ...rest] = columns(rows)
    if (first === undefined) return []
    return [`${this.#paint('bold', title.padEnd(10))} ${first}`, ...rest.map((line) => `${' '.repeat(11)}${line}`)]
  }

  #place({ file, line }: SourceLocation): string {
    return this.#paint('dim', `${file}:${line}`)
  }
}

/** A policy that answered or was not reached has further steps that were not reached either, and one that waits waits once: nothing is said twice. */
function withoutRepetition(steps: readonly ExplainedStep[]): ExplainedStep[] {
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

function retryWords({ attempts, backoff, backoffBaseMs, backoffMaxMs, statuses, nonIdempotent }: ExplainedService['retry']): string {
  if (attempts === 1) return 'none'
  const on = statuses.length === 0 ? '' : `, also on ${statuses.join(' ')}`
  const methods = nonIdempotent ? ', any method' : ''
  return `${count(attempts, 'try', 'tries')}, ${backoff} from ${span(backoffBaseMs)} up to ${span(backoffMaxMs)}${on}${methods}`
}

/** `250 ms`, `1.5 s`. */
function span(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`
}

/** What else the route and the service say of where a request goes; nothing for what is not configured. */
function resilienceRows({ split, mirror, fallback, breaker, concurrency }: ExplainedService): Row[] {
  const rows: Row[] = []
  if (split !== null) {
    const parts = split.services.map(({ service, weight }) => `${service} ${weight}`).join(', ')
    const sticky = split.sticky === null ? 'chance' : split.sticky.kind === 'user' ? 'user' : `${split.sticky.kind} ${split.sticky.name}`
    rows.push(['split', `${parts}, by ${sticky}`])
  }
  if (breaker !== null) rows.push(['breaker', breakerWords(breaker)])
  if (concurrency !== null)
    rows.push(['at once', `${concurrency.max}, then ${concurrency.queue} wait for ${span(concurrency.queueTimeoutMs)}`])
  if (mirror !== null) rows.push(['mirror', mirror.percent === 100 ? mirror.service : `${mirror.service}, ${mirror.percent} %`])
  if (fallback !== null) {
    const { stale, service, response, statuses } = fallback
    const steps = [
      ...(stale ? ['a stale answer'] : []),
      ...(service === null ? [] : [service]),
      ...(response === null ? [] : [`${response.status} from the gateway`]),
    ]
    rows.push(['fallback', `${steps.join(', then ')}; also on ${statuses.join(' ')}`])
  }
  return rows
}

function discoveryWords(rule: NonNullable<ExplainedService['discovery']>): string {
  switch (rule.kind) {
    case 'consul':
      return `of ${[rule.service, ...rule.tags].join(' ')} in Consul`
    case 'kubernetes':
      return `of ${rule.service}.${rule.namespace} in Kubernetes`
    case 'dns':
      return `of ${rule.name}${rule.port === null ? ' (SRV)' : `:${rule.port}`} in the DNS`
  }
}

function breakerWords({ failures, failureRate, recoveryMs }: NonNullable<ExplainedService['breaker']>): string {
  const causes = [
    ...(failures === null ? [] : [`${count(failures, 'failure')} in a row`]),
    ...(failureRate === null ? [] : [`${failureRate.percent} % failures in ${span(failureRate.windowMs)}`]),
  ]
  return `opens for ${span(recoveryMs)} after ${causes.join(' or ')}`
}
