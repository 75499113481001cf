import type { PolicyMode } from './policy.ts'
import type { LimitDecision } from './store.ts'

/** Phases of an exchange in which policies act, in order. */
export type Phase = 'guard' | 'request' | 'body' | 'attempt' | 'upstream-response' | 'response-body' | 'store' | 'response' | 'finish'

/** Where something was written. Lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/**
 * What is known of a policy in force, to be told long after its configuration has gone: plain values only, so that what remembers it keeps
 * nothing else alive.
 */
export interface PolicyFacts {
  readonly kind: string
  readonly mode: PolicyMode
  /** Where it is configured: `everywhere`, `service users`, `route orders`, `consumer app`, `consumer app route orders`. */
  readonly scope: string
  readonly at: Place
}

/** One step of a policy in force. One object for each, so that steps are compared by identity. */
export interface StepFacts {
  readonly policy: PolicyFacts
  readonly phase: Phase
}

/** What one step of one policy did, for `explain`. */
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

/**
 * A note whose words are made when somebody reads it, of the limit decision of its exchange. The same object for each exchange, so that it costs
 * none of them anything; it holds plain values only, since it may outlive its configuration.
 */
export interface LazyNote {
  /** @param limit what the exchange's limits decided; null when that is not known */
  render(limit: LimitDecision | null): string
}

export type Note = string | LazyNote

export function textOf(note: Note, limit: LimitDecision | null): string {
  return typeof note === 'string' ? note : note.render(limit)
}

/** What an exchange's steps tell of themselves. */
export interface Trace {
  /** Whether what each step changes is to be described; it costs far more than the step. */
  readonly isDetailed: boolean
  /** Where credentials stand that no description shows, `header:x-partner` say; absent where nothing is described. */
  readonly secrets?: ReadonlySet<string>
  /** A step begins to run: what is noted from now on belongs to it. */
  begin(step: StepFacts): void
  /** Call it as `exchange.trace?.note(…)`. On every request: words that are not cheap are given as a {@link LazyNote}. */
  note(note: Note): void
  /**
   * A step has ended. Where the trace is not detailed, this is called for steps that answered only.
   * @param answer code or status of the answer; null for none
   */
  end(step: StepFacts, answer: string | null, changes: readonly string[]): void
}

/** What an exchange's steps did, in their order, with all that they changed: for `explain`. */
export class DetailedTrace implements Trace {
  readonly isDetailed = true
  readonly secrets: ReadonlySet<string>
  readonly records: StepRecord[] = []
  readonly #limitOf: () => LimitDecision | null
  #notes: string[] = []

  /** @param limitOf what the exchange's limits have decided by now. @param secrets see {@link Trace} */
  constructor(limitOf: () => LimitDecision | null = () => null, secrets: ReadonlySet<string> = new Set()) {
    this.#limitOf = limitOf
    this.secrets = secrets
  }

  begin(): void {}

  note(note: Note): void {
    this.#notes.push(textOf(note, this.#limitOf()))
  }

  end({ policy, phase }: StepFacts, answer: string | null, changes: readonly string[]): void {
    const mode = policy.mode === 'shadow' ? 'shadow' : 'enforce'
    const verdict = answer === null ? 'continue' : 'answered'
    this.records.push({ policy: policy.kind, phase, mode, verdict, changes, notes: this.#notes, answer })
    this.#notes = []
  }

  /** Notes that belong to no step that has ended. */
  get pending(): readonly string[] {
    return this.#notes
  }
}
