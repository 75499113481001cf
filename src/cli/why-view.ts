import type { NearMiss } from '../compile/near-misses.ts'
import { type Answerer, type AttemptDecision, type DecisionRecord, type PolicyDecision, wasRouteSought } from '../core/decision.ts'
import type { Place } from '../core/trace.ts'
import type { FoundDecision, WhatIf } from '../runtime/decisions/desk.ts'
import type { Paint, Style } from './explain-view.ts'
import { columns, count } from './terminal.ts'

type Row = readonly string[]

const NEAR_MISSES_SHOWN = 5
const FAR_MISSES_SHOWN = 3
/** Characters of the bar that shows an attempt's part of the time. */
const BAR_CHARS = 24

/** A record for a person at a terminal. Ends without a line feed. */
export function renderDecision(decision: Omit<FoundDecision, 'found'>, paint: Paint): string {
  return new View(paint).render(decision)
}

/** What would differ. Ends without a line feed. @param changed names of the headers that were changed */
export function renderWhatIf(
  { record }: Omit<FoundDecision, 'found'>,
  whatIf: Omit<WhatIf, 'found'>,
  changed: readonly string[],
  paint: Paint,
): string {
  const { differences, revision, recordedRevision } = whatIf
  const title = `${record.request.method} ${record.request.host}${record.request.target}`
  const moved =
    revision === recordedRevision ? `revision ${revision}` : `revision ${revision}, which is newer than the request's ${recordedRevision}`
  const lines = [
    paint('bold', title),
    paint('dim', `if ${changed.join(' and ')} were as given: judged now, with limits that nobody has used, on ${moved}`),
    '',
  ]
  if (differences.length === 0) return [...lines, 'Nothing would be different.'].join('\n')
  for (const { what, before, after } of differences)
    lines.push(paint('bold', what), `  ${paint('red', '-')} ${before}`, `  ${paint('green', '+')} ${after}`)
  return lines.join('\n')
}

class View {
  readonly #paint: Paint

  constructor(paint: Paint) {
    this.#paint = paint
  }

  render(decision: Omit<FoundDecision, 'found'>): string {
    const { record } = decision
    const sections = [
      this.#title(decision),
      this.#section('Request', this.#request(record)),
      this.#section('Route', this.#route(decision)),
      this.#section(
        'Policies',
        record.policies.flatMap((policy) => this.#policy(policy)),
      ),
      this.#section('Service', this.#service(record)),
      this.#section('Answer', this.#answer(record)),
    ]
    return sections
      .filter((lines) => lines.length > 0)
      .map((lines) => lines.join('\n'))
      .join('\n\n')
  }

  /** What one wants to know first: what was asked, and who answered what. */
  #title({ record, others }: Omit<FoundDecision, 'found'>): string[] {
    const { request, answer, durationMs } = record
    const what = request.method === '' ? 'no request' : `${request.method} ${request.host}${request.target}`
    const status = answer.status === 0 ? 'no answer' : String(answer.status)
    const lines = [
      this.#paint('bold', what),
      `${this.#paint(styleOf(answer), `${status}${codeWords(answer)}`)} from ${answererWords(answer.from, record.service)} ${this.#paint('dim', `in ${span(durationMs)}`)}`,
    ]
    if (others > 0)
      lines.push(this.#paint('yellow', `${count(others, 'older request has', 'older requests have')} the same id; this is the newest`))
    return lines
  }

  #request({ requestId, time, request, client, caller, listener, revision, requestBytes }: DecisionRecord): Row[] {
    const peer = client.peer === client.address ? '' : ` through ${client.peer}`
    return [
      ['id', requestId === '' ? this.#paint('dim', 'none') : requestId],
      ['time', time],
      ['from', `${client.address}${peer}, ${request.protocol} on ${listener}`],
      ['caller', caller === null ? this.#paint('dim', 'nobody known') : callerWords(caller)],
      ...(requestBytes > 0 ? [['body', bytes(requestBytes)]] : []),
      ['revision', revision],
      ...request.headers.map(([name, value]) => [this.#paint('dim', name.toLowerCase()), this.#paint('dim', value)]),
      ...(request.headersCut ? [['', this.#paint('yellow', 'further headers are not kept')]] : []),
    ]
  }

  #route({ record, nearMisses }: Omit<FoundDecision, 'found'>): Row[] {
    const { route, answer } = record
    if (!wasRouteSought(record)) return [[this.#paint('yellow', 'none was looked for')]]
    const none = answer.error === 'method_not_allowed' ? 'none takes this method' : 'none'
    const taken: Row =
      route === null ? [this.#paint('yellow', none)] : [this.#paint('green', route.name), route.pattern, this.#place(route.at)]
    if (nearMisses === null)
      return [taken, ['', this.#paint('dim', 'what came near is not known any more: that configuration is no longer kept')]]
    return [
      taken,
      ...shownMisses(nearMisses, route !== null).map(({ route: name, message }) => [
        this.#paint('dim', `not ${name}`),
        this.#paint('dim', message),
      ]),
    ]
  }

  #policy({ kind, mode, scope, at, verdict, answer, notes }: PolicyDecision): Row[] {
    const style: Style =
      verdict === 'answered' ? 'red' : verdict === 'would have answered' ? 'yellow' : verdict === 'passed' ? 'green' : 'dim'
    const says = answer === null ? verdict : `${verdict} ${answer}`
    // The place of a policy that nobody wrote is that of the whole file, where no policy can stand.
    const byDefault = scope === 'everywhere' && at.column === 1
    const name = mode === 'shadow' ? `${kind} ${this.#paint('magenta', '(shadow)')}` : kind
    return [
      [name, this.#paint(style, says), ...(byDefault ? [this.#paint('dim', 'by default'), ''] : [scope, this.#place(at)])],
      ...notes.map((note) => [`  ${this.#paint('dim', note)}`]),
    ]
  }

  #service({ service, attempts, fallback, durationMs }: DecisionRecord): Row[] {
    if (service === '') return []
    const asked = attempts.length === 0 ? 'not asked' : count(attempts.length, 'try', 'tries')
    return [
      [this.#paint(attempts.length === 0 ? 'dim' : 'green', service), asked],
      ...attempts.map((attempt) => this.#attempt(attempt, durationMs)),
      ...(fallback === null
        ? []
        : [
            [
              this.#paint('yellow', 'fallback'),
              fallback === 'stale' ? 'a stale answer' : fallback === 'service' ? 'another service' : "the route's own answer",
            ],
          ]),
    ]
  }

  #attempt({ target, offsetMs, durationMs, status, error }: AttemptDecision, totalMs: number): Row {
    const outcome = error ?? (status === 0 ? 'given up' : String(status))
    const style: Style = error !== null || status === 0 || status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green'
    const at = Math.min(BAR_CHARS - 1, Math.floor((offsetMs / Math.max(totalMs, 0.01)) * BAR_CHARS))
    const length = Math.max(1, Math.min(BAR_CHARS - at, Math.round((durationMs / Math.max(totalMs, 0.01)) * BAR_CHARS)))
    const bar = ' '.repeat(at) + '━'.repeat(length) + ' '.repeat(BAR_CHARS - at - length)
    return [
      `  ${target}`,
      this.#paint(style, outcome),
      this.#paint(style, bar),
      this.#paint('dim', `at ${span(offsetMs)} for ${span(durationMs)}`),
    ]
  }

  #answer({ answer, responseBytes, cache, limit }: DecisionRecord): Row[] {
    const { status, grpcStatus } = answer
    const line = `${status === 0 ? 'none: the client had gone' : status}${codeWords(answer)}`
    return [
      [this.#paint(styleOf(answer), line)],
      ['body', bytes(responseBytes)],
      ...(grpcStatus === null ? [] : [['gRPC status', String(grpcStatus)]]),
      ...(cache === null ? [] : [['cache', cache]]),
      ...(limit === null || limit.admitted
        ? []
        : [['limit', limit.retryAfterMs === null ? 'never fits' : `again in ${span(limit.retryAfterMs)}`]]),
    ]
  }

  #section(title: string, rows: readonly Row[]): readonly string[] {
    const [first, ...rest] = columns(rows)
    if (first === undefined) return []
    return [`${this.#paint('bold', title.padEnd(10))} ${first}`, ...rest.map((line) => `${' '.repeat(11)}${line}`)]
  }

  #place({ file, line }: Place): string {
    return this.#paint('dim', `${file}:${line}`)
  }
}

/** A route at whose path the request was is nearer than all that only share a part of it. Where one was found, others are of interest only then. */
function shownMisses(misses: readonly NearMiss[], wasFound: boolean): readonly NearMiss[] {
  const close = misses.filter(({ failed }) => failed !== 'host' && failed !== 'path')
  return close.length > 0 || wasFound ? close.slice(0, NEAR_MISSES_SHOWN) : misses.slice(0, FAR_MISSES_SHOWN)
}

function codeWords({ status, error, from }: DecisionRecord['answer']): string {
  if (error === null) return ''
  return from.by === 'fallback' || (status > 0 && status < 400) ? ` in place of ${error}` : ` ${error}`
}

function styleOf({ status }: DecisionRecord['answer']): Style {
  return status === 0 || status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green'
}

function answererWords(from: Answerer, service: string): string {
  switch (from.by) {
    case 'policy':
      return `the policy ${from.kind}`
    case 'service':
      return `the service ${service}`
    case 'gateway':
      return 'the gateway'
    case 'fallback':
      return 'what the route falls back to'
    case 'nobody':
      return 'nobody: the client had gone'
  }
}

function callerWords({ method, user, consumer, credential }: NonNullable<DecisionRecord['caller']>): string {
  const who = [user === '' ? '' : `user ${user}`, consumer === '' ? '' : `consumer ${consumer}`].filter((part) => part !== '').join(' of ')
  return `${who || 'somebody'} by ${method}${credential === '' ? '' : `, credential ${credential}`}`
}

/** `0.25 ms`, `12 ms`, `1.5 s`. */
function span(ms: number): string {
  if (ms >= 1_000) return `${Math.round(ms / 10) / 100} s`
  return `${ms < 10 ? Math.round(ms * 100) / 100 : Math.round(ms)} ms`
}

function bytes(number: number): string {
  if (number < 1_024) return count(number, 'byte')
  return number < 2 ** 20 ? `${Math.round(number / 102.4) / 10} KiB` : `${Math.round((number / 2 ** 20) * 10) / 10} MiB`
}
