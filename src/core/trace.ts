/** Phases of an exchange in which policies act, in order. */
export type Phase = 'guard' | 'request' | 'body' | 'attempt' | 'upstream-response' | 'response-body' | 'store' | 'response' | 'finish'

/** What one step of one policy did, for `explain` and decision records. */
export interface StepRecord {
  readonly policy: string
  readonly phase: Phase
  readonly mode: 'enforce' | 'shadow'
  /** `answered`: the step ended the exchange, or, in shadow, would have. */
  readonly verdict: 'continue' | 'answered'
  /** Changes in words, `set request header X-A: b`; empty for none. */
  readonly changes: readonly string[]
  /** What the step looked at, in words: `token of user 42`; never a credential. */
  readonly notes: readonly string[]
  /** Status and sentence of the answer, when there was one. */
  readonly answer: string | null
}

/** What an exchange's steps did, in their order. Kept only where someone asked: `explain`, decision records. */
export class Trace {
  readonly records: StepRecord[] = []
  #notes: string[] = []

  /** Adds to the notes of the step that is running. Call it as `exchange.trace?.note(…)`, so that nobody pays who does not ask. */
  note(text: string): void {
    this.#notes.push(text)
  }

  /** Ends a step: what was noted belongs to it. */
  step(record: Omit<StepRecord, 'notes'>): void {
    this.records.push({ ...record, notes: this.#notes })
    this.#notes = []
  }
}
