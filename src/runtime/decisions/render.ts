/** What is kept of an exchange, put into words when somebody asks. */
import type {
  Answerer,
  AttemptDecision,
  DecisionFilter,
  DecisionRecord,
  DecisionSummary,
  KeptDecision as KeptAnswer,
  PolicyDecision,
  PolicyVerdict,
} from '../../core/decision.ts'
import { NOTE_CHARS_MAX } from '../../core/decision-trace.ts'
import type { Attempt } from '../../core/exchange.ts'
import { type PolicyFacts, type StepFacts, textOf } from '../../core/trace.ts'
import type { KeptDecision, KeptHead, KeptTimes } from './kept-decision.ts'
import { shownFields, shownTarget } from './redact.ts'

const NO_SECRETS: ReadonlySet<string> = new Set()

export function recordOf(kept: KeptDecision, times: KeptTimes): DecisionRecord {
  const { route, caller, limit } = partsOf(kept)
  const head = kept.head as KeptHead
  const secrets = kept.route?.secrets ?? NO_SECRETS
  const policies = policiesOf(kept)
  return {
    requestId: kept.requestId,
    time: new Date(times.endedMs - times.durationMs).toISOString(),
    revision: kept.route?.revision ?? '',
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
    service: kept.route?.service ?? '',
    policies,
    caller,
    limit,
    cache: policies.find(({ kind }) => kind === 'cache')?.notes[0] ?? null,
    attempts: attemptsOf(kept).map((attempt) => attemptDecision(attempt, times)),
    fallback: kept.fallback,
    answer: {
      from: answererOf(kept),
      status: kept.status,
      error: kept.error,
      grpcStatus: kept.grpcStatus === -1 ? null : kept.grpcStatus,
    },
    requestBytes: times.requestBytes,
    responseBytes: times.responseBytes,
    durationMs: rounded(times.durationMs),
  }
}

/** With what is needed to look at the request once more. */
export function keptOf(kept: KeptDecision, times: KeptTimes): KeptAnswer {
  const { path, query, host, target, fields } = kept.head as KeptHead
  return { record: recordOf(kept, times), head: { path, query, host, target, fields } }
}

export function summaryOf(kept: KeptDecision, times: KeptTimes): DecisionSummary {
  const { method, host, path } = kept.head as KeptHead
  const from = answererOf(kept)
  return {
    requestId: kept.requestId,
    time: new Date(times.endedMs - times.durationMs).toISOString(),
    method,
    host,
    path,
    route: kept.route?.name ?? '',
    service: kept.route?.service ?? '',
    consumer: kept.consumer,
    status: kept.status,
    error: kept.error,
    policy: from.by === 'policy' ? from.kind : '',
    attempts: attemptsOf(kept).length,
    durationMs: rounded(times.durationMs),
  }
}

/** Whether a record is among those wanted. */
export function fits(kept: KeptDecision, { endedMs, durationMs }: KeptTimes, filter: DecisionFilter): boolean {
  const { route, service, consumer, method, path, statusMin = 0, statusMax = 999, error, policy, sinceMs = 0 } = filter
  if (kept.status < statusMin || kept.status > statusMax || endedMs - durationMs < sinceMs) return false
  if (route !== undefined && kept.route?.name !== route) return false
  if (service !== undefined && kept.route?.service !== service) return false
  if (consumer !== undefined && kept.consumer !== consumer) return false
  if (error !== undefined && kept.error !== error) return false
  if (policy !== undefined && kept.answers?.some(({ step }) => step.policy.kind === policy) !== true) return false
  const head = kept.head as KeptHead
  return (method === undefined || head.method === method) && (path === undefined || head.path.includes(path))
}

function partsOf(kept: KeptDecision): Pick<DecisionRecord, 'route' | 'caller' | 'limit'> {
  const { route, callerMethod: method, subject: user, consumer, credentialId: credential, limit } = kept
  return {
    route: route === null || route.at === null ? null : { name: route.name, pattern: route.pattern, at: route.at },
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

function attemptsOf({ attempts }: KeptDecision): readonly Attempt[] {
  if (attempts === null) return []
  return 'target' in attempts ? [attempts] : attempts
}

function attemptDecision({ target, startedAt, endedAt, status, error }: Attempt, times: KeptTimes): AttemptDecision {
  // One that is still under way, as for a record that is asked for in the middle, ends with what is known.
  const end = endedAt === 0 ? times.startedAt + times.durationMs : endedAt
  return { target, offsetMs: rounded(startedAt - times.startedAt), durationMs: rounded(end - startedAt), status, error }
}

function answererOf(kept: KeptDecision): Answerer {
  const last = kept.answers?.findLast(({ step }) => step.policy.mode !== 'shadow')
  if (last !== undefined) return { by: 'policy', kind: last.step.policy.kind }
  if (kept.status === 0) return { by: 'nobody' }
  if (kept.fallback === 'stale' || kept.fallback === 'response') return { by: 'fallback' }
  // An answer that broke off began with the service's.
  return { by: kept.attempts !== null && (kept.error === null || lastStatusOf(kept) === kept.status) ? 'service' : 'gateway' }
}

function lastStatusOf(kept: KeptDecision): number {
  return attemptsOf(kept).at(-1)?.status ?? 0
}

function policiesOf(kept: KeptDecision): PolicyDecision[] {
  const inForce = kept.plan?.policies ?? []
  // A guard that ran before its consumer's own policy took its place is none of these any more, and has acted.
  const before = [...new Set(kept.steps.map(({ policy }) => policy))].filter((policy) => !inForce.includes(policy))
  return [...before, ...inForce].map((policy) => policyDecision(policy, kept))
}

function policyDecision(policy: PolicyFacts, kept: KeptDecision): PolicyDecision {
  const { kind, mode, scope, at } = policy
  const answer = kept.answers?.findLast(({ step }) => step.policy === policy) ?? null
  const notes = (kept.notes ?? [])
    .filter(({ step }) => step?.policy === policy)
    .map(({ note }) => textOf(note).slice(0, NOTE_CHARS_MAX + 1))
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
function verdictOf(policy: PolicyFacts, kept: KeptDecision): PolicyVerdict {
  const steps = kept.plan?.steps.filter((step) => step.policy === policy) ?? []
  const wasAsked = kept.attempts !== null
  if (kept.steps.some((step) => step.policy === policy)) return passedOn(steps, kept) ? 'passed' : 'not reached'
  if (steps.some(({ phase }) => phase === 'attempt') && wasAsked) return 'passed'
  // What only counts at the end has no step to be seen.
  if (steps.length === 0) return 'passed'
  const needsBody = steps.every(({ phase }) => phase === 'body' || phase === 'response-body')
  return needsBody && wasAsked ? 'not needed' : 'not reached'
}

/** A policy with a step on the request has not passed when only its step on the answer has run: something before it answered. */
function passedOn(steps: readonly StepFacts[], kept: KeptDecision): boolean {
  const first = steps.find(({ phase }) => phase === 'guard' || phase === 'request' || phase === 'body')
  return first === undefined || kept.attempts !== null || kept.steps.some((step) => step === first)
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100
}
