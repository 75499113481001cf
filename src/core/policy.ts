import type { ZodType } from 'zod'
import type { Clock } from './clock.ts'
import type { ConsumerDirectory } from './consumers.ts'
import type { ErrorCode } from './errors.ts'
import type { Attempt, Exchange } from './exchange.ts'
import type { PolicyLimits } from './limit-view.ts'
import type { Logger, Metrics } from './observe.ts'
import type { ApiDescription } from './openapi.ts'
import type { Compatibility } from './policy-order.ts'
import type { RecordOutputs } from './record-output.ts'
import type { Reply } from './reply.ts'
import type { HttpClient, Resources } from './resources.ts'
import type { StoreName, Stores } from './store.ts'

/** What a step says: nothing, to go on; a reply, to answer with it. */
export type Verdict = Reply | undefined

/** How an exchange ended. */
export interface Outcome {
  /** Status sent to the client; 0 when the client was gone before. */
  readonly status: number
  readonly error: ErrorCode | null
  /** Milliseconds from the end of the request head to the end of the response. */
  readonly durationMs: number
}

/**
 * A compiled policy. The return value is the whole protocol: there is no `next`, and nothing is thrown to steer.
 * Steps are called in the order of `policies/index.ts`; an absent one costs nothing.
 */
export interface PolicySteps {
  /** Before authentication, whatever the policy's place: for what guards it. Runs on the plan that does not know the consumer yet. */
  readonly onGuard?: (exchange: Exchange) => Verdict | Promise<Verdict>
  /** Before any try. */
  readonly onRequest?: (exchange: Exchange) => Verdict | Promise<Verdict>
  /** Wants the request body as a whole. Its presence has the body gathered, once all `onRequest` steps have let the exchange pass. */
  readonly requestBody?: RequestBodyStep
  /** Before each try; edits this try's head only. */
  readonly onAttempt?: (exchange: Exchange, attempt: Attempt) => void
  /** On a service's response, before the cache; not on hits. */
  readonly onUpstreamResponse?: (exchange: Exchange) => Verdict | Promise<Verdict>
  /** Wants the body of a service's response as a whole, behind all `onUpstreamResponse` steps and before the cache keeps it. */
  readonly responseBody?: ResponseBodyStep
  /**
   * On a service's response as the upstream-response steps and body steps leave it: for a cache, which keeps it (`exchange.responseTap`) or
   * answers with what it has.
   */
  readonly onStore?: (exchange: Exchange) => Verdict | Promise<Verdict>
  /** On every response: a service's, a hit, a refusal. */
  readonly onResponse?: (exchange: Exchange) => Verdict | Promise<Verdict>
  /** Whether `onRequest` answers every CORS preflight, so that those for a route that does not take `OPTIONS` are brought to it. */
  readonly answersPreflight?: boolean
  /** What operators may look at of its limits. */
  readonly limits?: PolicyLimits
  /** Exactly once at the end, whatever happened. */
  readonly onFinish?: (exchange: Exchange, outcome: Outcome) => void
}

/** A step on the whole request body; not run for requests without one. */
export interface RequestBodyStep {
  /** Largest body in bytes that this policy looks at; a larger one is 413. */
  readonly bytesMax: number
  /** Whether this exchange's body is wanted. */
  wanted(exchange: Exchange): boolean
  /**
   * @param body valid until the exchange has finished; not to be changed
   * @returns nothing, a reply to answer with, or the body that takes the place of this one
   */
  run(exchange: Exchange, body: Buffer): BodyVerdict | Promise<BodyVerdict>
}

/** What a step says of a body: nothing, to go on with it; another body; or a reply, to answer with it. */
export type BodyVerdict = Verdict | Buffer

/** A step on the whole body of a service's response. Not run for answers without one (to HEAD; 204, 304), nor for those of the gateway. */
export interface ResponseBodyStep {
  /** Largest body in bytes that this policy looks at. */
  readonly bytesMax: number
  /** Whether this response's body is wanted. Where it is not, the body streams through. */
  wanted(exchange: Exchange): boolean
  /** The body is larger than {@link bytesMax}: nothing, to let it pass as it is, or a reply in place of the response. */
  tooLarge(exchange: Exchange): Verdict
  /** As {@link RequestBodyStep.run}. Fields that depend on the body (ETag, Content-Encoding, digests) are the policy's to put right. */
  run(exchange: Exchange, body: Buffer): BodyVerdict | Promise<BodyVerdict>
}

/** What a policy is given at load. It touches no global, so that it also runs under `explain` and under virtual time. */
export interface CompileContext {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly http: HttpClient
  readonly resources: Resources
  /** Where records of exchanges go; what is opened is kept as a resource. */
  readonly outputs: RecordOutputs
  readonly stores: Stores
  readonly consumers: ConsumerDirectory
  /** Where the policy is configured, to name its state: `everywhere`, `service users`, `route orders`, `consumer app`, `consumer app route orders`. */
  readonly scope: string
  /** `off` is not compiled. */
  readonly mode: PolicyMode
}

/** What surrounds a policy where it takes effect, for {@link PolicyDefinition.review}. */
export interface PolicySurroundings {
  /** The options of the policy of that kind that is in force beside it; undefined for none. */
  readonly optionsOf: (kind: string) => unknown
  /** Whether any policy that authenticates is in force beside it. */
  readonly authenticates: boolean
  readonly stores: ReadonlySet<StoreName>
  readonly consumers: ReadonlySet<string>
  /** Another gateway whose ways the configuration asks for; null or left out for none. */
  readonly compatibility?: Compatibility | null
  /** Whether any listener asks its clients for certificates. */
  readonly clientCertificates: boolean
  /** What the route asks: null for a route without a service, left out where no route is looked at. */
  readonly service?: {
    /** Whether HTTP/2, as gRPC needs it, may be spoken. */
    readonly http2: boolean
  } | null
}

/** Something to be said of a policy's options. */
export interface Remark {
  readonly severity: 'error' | 'warning'
  /** From the policy's block down to what is meant; empty for the block itself. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** Reads files that options name, at load, in the control process. */
export interface OptionFiles {
  /** The text of a file, found from the configuration file's folder. Rejects with a sentence for the operator. */
  readonly read: (path: string) => Promise<string>
  /** As {@link read}, for files that are no text. */
  readonly readBytes: (path: string) => Promise<Buffer>
}

/** A kind of policy: one folder below `policies/`, one line in `policies/index.ts`. */
export interface PolicyDefinition<Options> {
  /** The key in the configuration, in kebab case. */
  readonly kind: string
  /** One sentence for help and documentation. */
  readonly summary: string
  /**
   * Loads the schema, the one source of type, validation, JSON Schema and documentation. Lazily: workers get options that have
   * been checked, and save the time and memory of the schema library.
   */
  readonly loadSchema: () => Promise<ZodType<Options>>
  /**
   * Whether it finds out who calls. After the last of these policies the consumer is known, and its own policies count. Those that stand
   * before cannot be a consumer's.
   */
  readonly identifies?: boolean
  /** Whether it verifies credentials, so that routes where it is in force have callers that are known. */
  readonly authenticates?: boolean
  /**
   * Whether it puts another protocol in place of the client's: it acts behind all others on a request, and before them on a service's
   * response and its body, so that they see what the client sees.
   */
  readonly translates?: boolean
  /**
   * Says what it offers as REST, for `turnpike openapi`; null when that cannot be told. May ask a service; rejects with a sentence for the
   * operator.
   */
  describeApi?(options: Options): ApiDescription | null | Promise<ApiDescription | null>
  /** Where in a request it looks for credentials, `header:X-API-Key` say, so that records hide what stands there. */
  credentialPlaces?(options: Options): readonly string[]
  /** Loads what only this kind needs, before its first `compile`. */
  load?(): Promise<void>
  /** Replaces names of files in checked options by what is in them. Rejects with a Remark's message, told at the policy's place. */
  resolve?(options: Options, files: OptionFiles): Promise<Options>
  /** Looks, once all is checked, for what the schema cannot see: contradictions with other policies, and what is allowed but seldom meant. */
  review?(options: Options, around: PolicySurroundings): readonly Remark[]
  /** Makes the steps. At load; does no IO. */
  compile(options: Options, context: CompileContext): PolicySteps
}

/** `enforce` acts; `shadow` evaluates, changes nothing and notes what it would have done; `off` is not there. */
export type PolicyMode = 'enforce' | 'shadow' | 'off'
