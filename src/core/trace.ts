/** Phases of an exchange in which policies act, in order. */
export type Phase = 'request' | 'attempt' | 'upstream-response' | 'response' | 'finish'

/** What one step of one policy did, for `explain` and decision records. */
export interface StepRecord {
  readonly policy: string
  readonly phase: Phase
  readonly mode: 'enforce' | 'shadow'
  /** `answered`: the step ended the exchange, or, in shadow, would have. */
  readonly verdict: 'continue' | 'answered'
  /** Changes in words, `set request header X-A: b`; empty for none. */
  readonly changes: readonly string[]
  /** Status and sentence of the answer, when there was one. */
  readonly answer: string | null
}

/** Takes notes. */
export interface Trace {
  step(record: StepRecord): void
}
