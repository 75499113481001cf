import type { ZodType } from 'zod'
import type { Clock } from './clock.ts'
import type { ErrorCode } from './errors.ts'
import type { Attempt, Exchange } from './exchange.ts'
import type { Logger, Metrics } from './observe.ts'
import type { Reply } from './reply.ts'

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
  /** Before any try. */
  readonly onRequest?: (exchange: Exchange) => Verdict | Promise<Verdict>
  /** Before each try; edits this try's head only. */
  readonly onAttempt?: (exchange: Exchange, attempt: Attempt) => void
  /** On a service's response, before the cache; not on hits. */
  readonly onUpstreamResponse?: (exchange: Exchange) => Verdict | Promise<Verdict>
  /** On every response: a service's, a hit, a refusal. */
  readonly onResponse?: (exchange: Exchange) => Verdict | Promise<Verdict>
  /** Exactly once at the end, whatever happened. */
  readonly onFinish?: (exchange: Exchange, outcome: Outcome) => void
}

/** What a policy is given at load. It touches no global, so that it also runs under `explain` and under virtual time. */
export interface CompileContext {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
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
  /** Makes the steps. At load; does no IO. */
  compile(options: Options, context: CompileContext): PolicySteps
}

/** `enforce` acts; `shadow` evaluates, changes nothing and notes what it would have done; `off` is not there. */
export type PolicyMode = 'enforce' | 'shadow' | 'off'
