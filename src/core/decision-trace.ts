import type { LazyNote, Note, StepFacts, Trace } from './trace.ts'

const STEPS_MAX = 128
const NOTES_MAX = 32
const ANSWERS_MAX = 16
export const NOTE_CHARS_MAX = 200

export interface TracedNote {
  /** Null for what was noted before any step. */
  readonly step: StepFacts | null
  readonly note: Note
}

export interface TracedAnswer {
  readonly step: StepFacts
  /** Error code or status. */
  readonly answer: string
}

/**
 * What a decision record has to know of the steps of one exchange: which have run, what they noted, which answered. On the way of every
 * request, so that it does next to nothing: on a connection that sends the same request again, a step is one comparison.
 *
 * One for each exchange object, used again for each of its exchanges. All that it remembers are plain values.
 */
export class DecisionTrace implements Trace {
  readonly isDetailed = false
  /** Whether the client asked for its record, and may have it. */
  isWanted = false
  /** The head of the last request, and its serial number; whoever records fills it. */
  head: unknown = null
  headSerial = -1
  /** What the last record has in common with those before it; whoever records fills it. */
  common: unknown = null
  answers: TracedAnswer[] | null = null
  /** Of this exchange are the first {@link #count}; the array is shared with the last record while the same steps run in the same order. */
  #steps: StepFacts[] = []
  #isShared = true
  #count = 0
  #current: StepFacts | null = null
  /** As the steps: what is noted on every request of a connection is mostly the same. */
  #notes: TracedNote[] = []
  #areNotesShared = true
  #noteCount = 0

  /** Forgets the last exchange. */
  start(): void {
    this.isWanted = false
    this.answers = null
    this.#isShared = true
    this.#count = 0
    this.#areNotesShared = true
    this.#noteCount = 0
    this.#current = null
  }

  begin(step: StepFacts): void {
    this.#current = step
    const at = this.#count
    if (at === STEPS_MAX) return
    this.#count = at + 1
    if (this.#isShared) {
      if (this.#steps[at] === step) return
      this.#steps = this.#steps.slice(0, at)
      this.#isShared = false
    }
    this.#steps.push(step)
  }

  note(note: Note): void {
    const at = this.#noteCount
    if (at === NOTES_MAX) return
    this.#noteCount = at + 1
    if (this.#areNotesShared) {
      const last = this.#notes[at]
      if (last !== undefined && last.step === this.#current && last.note === note) return
      this.#notes = this.#notes.slice(0, at)
      this.#areNotesShared = false
    }
    this.#notes.push({ step: this.#current, note: bounded(note) })
  }

  end(step: StepFacts, answer: string | null): void {
    if (answer === null) return
    this.answers ??= []
    if (this.answers.length < ANSWERS_MAX) this.answers.push({ step, answer })
  }

  /** The steps that have run, in their order. Not to be changed. */
  takeSteps(): readonly StepFacts[] {
    if (this.#count < this.#steps.length) this.#steps = this.#steps.slice(0, this.#count)
    this.#isShared = true
    return this.#steps
  }

  /** What has been noted, in its order. Not to be changed. */
  takeNotes(): readonly TracedNote[] {
    if (this.#noteCount < this.#notes.length) this.#notes = this.#notes.slice(0, this.#noteCount)
    this.#areNotesShared = true
    return this.#notes
  }
}

/** A part of a long text would keep all of it alive: it is copied out. */
function bounded(note: Note): string | LazyNote {
  if (typeof note !== 'string' || note.length <= NOTE_CHARS_MAX) return note
  return `${Buffer.from(note.slice(0, NOTE_CHARS_MAX), 'utf16le').toString('utf16le')}…`
}
