/** Decision records: of any past exchange, why it was answered as it was. Plain JSON, as the admin listener gives it. */
import type { ErrorCode } from './errors.ts'
import type { FallbackKind } from './exchange.ts'
import type { Place } from './trace.ts'

/**
 * What became of a policy in one exchange. `would have answered`: in shadow. `not needed`: there was no body for it to look at. `not
 * reached`: something before it answered.
 */
export type PolicyVerdict = 'passed' | 'answered' | 'would have answered' | 'not needed' | 'not reached'

export interface PolicyDecision {
  readonly kind: string
  readonly mode: 'enforce' | 'shadow'
  /** Where it is configured: `everywhere`, `service users`, `route orders`, `consumer app`, `consumer app route orders`. */
  readonly scope: string
  readonly at: Place
  readonly verdict: PolicyVerdict
  /** Error code or status of what it answered, or would have; null for nothing. */
  readonly answer: string | null
  /** What it looked at, in words; never a credential. */
  readonly notes: readonly string[]
}

export interface AttemptDecision {
  /** `host:port`. */
  readonly target: string
  /** Milliseconds from the end of the request's head. */
  readonly offsetMs: number
  readonly durationMs: number
  /** 0 for no answer. */
  readonly status: number
  readonly error: ErrorCode | null
}

/** Who gave the answer that the client got. `nobody`: it had gone before. */
export type Answerer = { readonly by: 'policy'; readonly kind: string } | { readonly by: 'service' | 'gateway' | 'fallback' | 'nobody' }

/** Why one request was answered as it was. */
export interface DecisionRecord {
  readonly requestId: string
  /** When the head of the request was there, in ISO 8601. */
  readonly time: string
  /** Of the configuration that was in force for it. */
  readonly revision: string
  readonly listener: string
  readonly client: {
    /** The true client, as far as trusted proxies told. */
    readonly address: string
    /** Of the connection itself. */
    readonly peer: string
  }
  readonly request: {
    /** Empty when what came was no request. */
    readonly method: string
    /** As it was sent, but for hidden values of query parameters. */
    readonly target: string
    /** The normal form of its path, which routes are looked for by; empty when there is none. */
    readonly path: string
    readonly host: string
    readonly scheme: 'http' | 'https'
    /** `HTTP/1.1`. */
    readonly protocol: string
    /** As they were sent, but for hidden values. */
    readonly headers: readonly (readonly [name: string, value: string])[]
    /** Whether there were more headers than are kept. */
    readonly headersCut: boolean
  }
  /** Null when none took it. */
  readonly route: { readonly name: string; readonly pattern: string; readonly at: Place } | null
  /** Empty where none was to be asked. */
  readonly service: string
  /** In the order in which they act. */
  readonly policies: readonly PolicyDecision[]
  /** Null when nobody was known. */
  readonly caller: {
    /** Kinds of the policies that verified it. */
    readonly method: string
    readonly user: string
    readonly consumer: string
    readonly credential: string
  } | null
  /** What the `rate-limit` policy decided; null when it did not. */
  readonly limit: { readonly admitted: boolean; readonly retryAfterMs: number | null; readonly remaining: readonly number[] } | null
  /** What the cache found, in words; null where there is none. */
  readonly cache: string | null
  readonly attempts: readonly AttemptDecision[]
  /** What was answered in place of a service that failed; null for nothing. */
  readonly fallback: FallbackKind | null
  readonly answer: {
    readonly from: Answerer
    /** 0 when the client had gone. */
    readonly status: number
    readonly error: ErrorCode | null
    /** Null for none. */
    readonly grpcStatus: number | null
  }
  readonly requestBytes: number
  readonly responseBytes: number
  readonly durationMs: number
}

/** Whether a route was looked for: not where what came was no request, or where the listener itself answered what can have none. */
export function wasRouteSought({ route, request, answer: { from, error } }: RouteTrail): boolean {
  if (route !== null || request.path === '') return route !== null
  return from.by !== 'gateway' || error === 'route_not_found' || error === 'method_not_allowed'
}

/** What of a record {@link wasRouteSought} looks at. */
interface RouteTrail {
  readonly route: object | null
  readonly request: { readonly path: string }
  readonly answer: { readonly from: { readonly by: string }; readonly error: string | null }
}

/** One line of a list of records. */
export interface DecisionSummary {
  readonly requestId: string
  readonly time: string
  readonly method: string
  readonly host: string
  /** The normal form of the path, without the query. */
  readonly path: string
  /** Empty for none, as below. */
  readonly route: string
  readonly service: string
  readonly consumer: string
  readonly status: number
  readonly error: ErrorCode | null
  /** Name of the policy that answered; empty when none did. */
  readonly policy: string
  /** Kinds of the policies in shadow that would have answered. */
  readonly shadow: readonly string[]
  readonly attempts: number
  readonly durationMs: number
}

/** Which records are wanted; all that is given must fit. */
export interface DecisionFilter {
  readonly route?: string
  readonly service?: string
  readonly consumer?: string
  readonly method?: string
  /** Part of the path. */
  readonly path?: string
  /** Inclusive bounds. */
  readonly statusMin?: number
  readonly statusMax?: number
  readonly error?: string
  /** Kind of a policy that answered, or in shadow would have; `*` for any. */
  readonly policy?: string
  /** Kind of a policy that in shadow would have answered; `*` for any. */
  readonly shadow?: string
  /** Milliseconds since 1970. */
  readonly sinceMs?: number
}

/** What a worker is asked. */
export type DecisionQuery =
  | { readonly kind: 'by-id'; readonly requestId: string }
  | { readonly kind: 'newest'; readonly filter: DecisionFilter; readonly max: number }

/** A record with what must not leave the gateway: the head as it came, for looking at it once more. */
export interface KeptDecision {
  readonly record: DecisionRecord
  readonly head: {
    readonly path: string
    readonly query: string
    /** Without port, in lower case. */
    readonly host: string
    readonly target: string
    /** As `RequestHead` has them. */
    readonly port: number
    readonly serverName: string | null
    /** Field lines, each with its CRLF; credentials and all. */
    readonly fields: string
  }
  /** Where the policies of its configuration look for credentials: `header:x-partner`, `query:k`. What is told of the head hides them. */
  readonly secrets: readonly string[]
}

/** What a worker knows. */
export interface DecisionAnswer {
  /** The newest first; for `by-id`, those with that id. */
  readonly found: readonly KeptDecision[]
  /** For `newest`; the newest first. */
  readonly list: readonly DecisionSummary[]
  /** Records that are kept. */
  readonly count: number
  /** Milliseconds since 1970 of the oldest record kept; null for none. */
  readonly oldestMs: number | null
}

/** Decision records of one worker. */
export interface WorkerDecisions {
  readonly worker: number
  /** Null when it did not answer. */
  readonly decisions: DecisionAnswer | null
}
