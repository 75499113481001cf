/** What is kept of an exchange, put into words when somebody asks. */
import type {
  Answerer,
  AttemptDecision,
  DecisionFilter,
  DecisionRecord,
  DecisionSummary,
  KeptDecision,
  PolicyDecision,
  PolicyVerdict,
} from '../../core/decision.ts'
import { NOTE_CHARS_MAX } from '../../core/decision-trace.ts'
import type { Attempt } from '../../core/exchange.ts'
import { type PolicyFacts, type StepFacts, textOf } from '../../core/trace.ts'
import type { Decision } from './kept-decision.ts'
import { shownFields, shownTarget } from './redact.ts'

/** @param zeroMs milliseconds since 1970 at the zero of the clock, here and below */
export function recordOf(kept: Decision, zeroMs: number): DecisionRecord {
  const { route, caller, limit } = partsOf(kept)
  const { head } = kept
  const { secrets, revision, service } = kept.route
  const policies = policiesOf(kept)
  return {
    requestId: kept.requestId,
    time: new Date(zeroMs + kept.startedAt).toISOString(),
    revision,
    listener: kept.listener,
    client: { address: kept.clientAddress, peer: kept.peerAddress },
    request: {
      method: head.method,
      target: shownTarget(head.target, secrets),
      path: shownTarget(head.path, secrets),
      host: head.host,
      scheme: head.scheme,
      protocol: head.protocol,
      headers: shownFields(head.fields, secrets),
      headersCut: head.isCut,
    },
    route,
    service,
    policies,
    caller,
    limit,
    cache: policies.find(({ kind }) => kind === 'cache')?.notes[0] ?? null,
    attempts: kept.attempts.map((attempt) => attemptDecision(attempt, kept)),
    fallback: kept.fallback,
    answer: {
      from: answererOf(kept),
      status: kept.status,
      error: kept.error,
      grpcStatus: kept.grpcStatus === -1 ? null : kept.grpcStatus,
    },
    requestBytes: kept.requestBytes,
    responseBytes: kept.responseBytes,
    durationMs: rounded(kept.durationMs),
  }
}

/** With what is needed to look at the request once more. */
export function keptOf(kept: Decision, zeroMs: number): KeptDecision {
  const { path, query, host, target, fields, port, serverName } = kept.head
  const head = { path, query, host, target, fields, port, serverName }
  return { record: recordOf(kept, zeroMs), head, secrets: [...kept.route.secrets] }
}

export function summaryOf(kept: Decision, zeroMs: number): DecisionSummary {
  const { method, host, path } = kept.head
  const { secrets } = kept.route
  const from = answererOf(kept)
  return {
    requestId: kept.requestId,
    time: new Date(zeroMs + kept.startedAt).toISOString(),
    method,
    host,
    path: shownTarget(path, secrets),
    route: kept.route.name,
    service: kept.route.service,
    consumer: kept.consumer,
    status: kept.status,
    error: kept.error,
    policy: from.by === 'policy' ? from.kind : '',
    shadow: kept.answers.flatMap(({ step }) => (step.policy.mode === 'shadow' ? [step.policy.kind] : [])),
    attempts: kept.attempts.length,
    durationMs: rounded(kept.durationMs),
  }
}

/** Whether a record is among those wanted. */
export function fits(kept: Decision, zeroMs: number, filter: DecisionFilter): boolean {
  const { route, service, consumer, method, path, statusMin = 0, statusMax = 999, error, policy, shadow, sinceMs = 0 } = filter
  if (kept.status < statusMin || kept.status > statusMax || zeroMs + kept.startedAt < sinceMs) return false
  if (route !== undefined && kept.route.name !== route) return false
  if (service !== undefined && kept.route.service !== service) return false
  if (consumer !== undefined && kept.consumer !== consumer) return false
  if (error !== undefined && kept.error !== error) return false
  if (policy !== undefined && !kept.answers.some(({ step }) => isKind(step.policy, policy))) return false
  if (shadow !== undefined && !kept.answers.some(({ step }) => step.policy.mode === 'shadow' && isKind(step.policy, shadow))) return false
  const { head } = kept
  return (method === undefined || head.method === method) && (path === undefined || head.path.includes(path))
}

function isKind({ kind }: PolicyFacts, wanted: string): boolean {
  return wanted === '*' || kind === wanted
}

function partsOf(kept: Decision): Pick<DecisionRecord, 'route' | 'caller' | 'limit'> {
  const { route, callerMethod: method, subject: user, consumer, credentialId: credential, limit } = kept
  return {
    route: route.at === null ? null : { name: route.name, pattern: route.pattern, at: route.at },
    caller: method === '' ? null : { method, user, consumer, credential },
    limit:
      limit === null
        ? null
        : {
            admitted: limit.admitted,
            // JSON has no infinity.
            retryAfterMs: Number.isFinite(limit.retryAfterMs) ? limit.retryAfterMs : null,
            remaining: limit.remaining,
          },
  }
}

function attemptDecision({ target, startedAt, endedAt, status, error }: Attempt, kept: Decision): AttemptDecision {
  // One that is still under way, as for a record that is asked for in the middle, ends with what is known.
  const end = endedAt === 0 ? kept.startedAt + kept.durationMs : endedAt
  return { target, offsetMs: rounded(startedAt - kept.startedAt), durationMs: rounded(end - startedAt), status, error }
}

function answererOf(kept: Decision): Answerer {
  const last = kept.answers.findLast(({ step }) => step.policy.mode !== 'shadow')
  if (last !== undefined) return { by: 'policy', kind: last.step.policy.kind }
  if (kept.status === 0) return { by: 'nobody' }
  if (kept.fallback === 'stale' || kept.fallback === 'response') return { by: 'fallback' }
  // An answer that broke off began with the service's.
  return { by: kept.attempts.length > 0 && (kept.error === null || lastStatusOf(kept) === kept.status) ? 'service' : 'gateway' }
}

function lastStatusOf(kept: Decision): number {
  return kept.attempts.at(-1)?.status ?? 0
}

function policiesOf(kept: Decision): PolicyDecision[] {
  const inForce = kept.plan.policies
  // A guard that ran before its consumer's own policy took its place is none of these any more, and has acted.
  const before = [...new Set(kept.steps.map(({ policy }) => policy))].filter((policy) => !inForce.includes(policy))
  return [...before, ...inForce].map((policy) => policyDecision(policy, kept))
}

function policyDecision(policy: PolicyFacts, kept: Decision): PolicyDecision {
  const { kind, mode, scope, at } = policy
  const answer = kept.answers.findLast(({ step }) => step.policy === policy) ?? null
  const notes = (kept.notes ?? [])
    .filter(({ step }) => step?.policy === policy)
    .map(({ note }) => textOf(note, kept.limit).slice(0, NOTE_CHARS_MAX + 1))
  return {
    kind,
    mode: mode === 'shadow' ? 'shadow' : 'enforce',
    scope,
    at,
    verdict: answer === null ? verdictOf(policy, kept) : mode === 'shadow' ? 'would have answered' : 'answered',
    answer: answer?.answer ?? null,
    notes,
  }
}

/** Of a policy that gave no answer. */
function verdictOf(policy: PolicyFacts, kept: Decision): PolicyVerdict {
  const steps = kept.plan.steps.filter((step) => step.policy === policy)
  const wasAsked = kept.attempts.length > 0
  if (kept.steps.some((step) => step.policy === policy)) return passedOn(steps, kept) ? 'passed' : 'not reached'
  if (steps.some(({ phase }) => phase === 'attempt') && wasAsked) return 'passed'
  // What only counts at the end has no step to be seen.
  if (steps.length === 0) return 'passed'
  const needsBody = steps.every(({ phase }) => phase === 'body' || phase === 'response-body')
  return needsBody && wasAsked ? 'not needed' : 'not reached'
}

/** A policy with a step on the request has not passed when only its step on the answer has run: something before it answered. */
function passedOn(steps: readonly StepFacts[], kept: Decision): boolean {
  const first = steps.find(({ phase }) => phase === 'guard' || phase === 'request' || phase === 'body')
  return first === undefined || kept.attempts.length > 0 || kept.steps.some((step) => step === first)
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100
}
