import type { HttpReceiver } from './log-settings.ts'

/** Which exchanges have their spans sent. */
export interface TraceSampling {
  /** Share of traces that begin here, 0 to 1. */
  readonly ratio: number
  /** Whether a caller that says whether its trace is sampled is followed. */
  readonly parentBased: boolean
  /** Whether those are kept that failed, sampled or not. */
  readonly keepErrors: boolean
  /** Those are kept that took so long, sampled or not; null for none. */
  readonly keepSlowerThanMs: number | null
}

/** What a configuration says of traces. */
export interface TracingSettings {
  /** Of OTLP/HTTP in JSON: the whole URL, `/v1/traces` included. */
  readonly receiver: HttpReceiver
  /** `service.name` of the resource. */
  readonly serviceName: string
  readonly sampling: TraceSampling
  /** A step that was waited for so long has a span of its own. */
  readonly slowPolicyMs: number
}
