import type { Problem } from '../config/diagnostics.ts'
import type { GatewayIr } from '../config/ir.ts'
import { sentenceOf } from '../runtime/control-protocol.ts'
import { type AppliedConfig, ConfigHistory } from './config-history.ts'
import { replaceFile, writableSource } from './source-file.ts'

/** A document that has been checked; `ir` is null when its problems include an error. */
export interface CheckedDocument {
  readonly ir: GatewayIr | null
  readonly problems: readonly Problem[]
}

export interface ConfigDeskParts {
  /** Files and addresses of stores, as the gateway was started with. */
  readonly sources: readonly string[]
  /** Checks a document as if it were all there is. @param name what its places are told in; relative paths begin at its folder */
  readonly check: (name: string, text: string) => Promise<CheckedDocument>
  /** Reads the configuration again, and resolves when it is in force or refused. */
  readonly reload: (cause: string) => Promise<void>
  /** In force; null before the first. */
  readonly running: () => GatewayIr | null
  /** Why the newest is not; null when it is. */
  readonly lastError: () => string | null
}

/** What became of a document that was to be put into force. */
export type ApplyOutcome =
  | {
      readonly kind: 'applied'
      readonly revision: string
      readonly previous: string
      readonly file: string
      readonly backup: string
      readonly problems: readonly Problem[]
    }
  /** Somebody else has changed it. */
  | { readonly kind: 'stale'; readonly revision: string }
  | { readonly kind: 'wrong'; readonly problems: readonly Problem[] }
  /** The gateway could not take it. `leftOver` says why the file holds it nevertheless; null when the file is as it was. */
  | { readonly kind: 'refused'; readonly reason: string; readonly leftOver: string | null }
  /** Nothing can be written here. */
  | { readonly kind: 'fixed'; readonly reason: string }

/** In a document of a store, a relative path means nothing either. */
const NO_FILE = 'request://body'

/** Looks at configurations that are not in force, and puts them there by writing them into the file that the gateway was started from. */
export class ConfigDesk {
  readonly history = new ConfigHistory()
  readonly #parts: ConfigDeskParts
  #isBusy = false
  /** Who has written what is about to come into force. */
  #author: { readonly revision: string; readonly by: string; readonly cause: string } | null = null

  constructor(parts: ConfigDeskParts) {
    this.#parts = parts
  }

  /** Takes note of what is in force. */
  note(applied: Omit<AppliedConfig, 'by'>): void {
    const author = this.#author?.revision === applied.ir.revision ? this.#author : null
    this.history.note({ ...applied, cause: author?.cause ?? applied.cause, by: author?.by ?? null })
  }

  get running(): GatewayIr | null {
    return this.#parts.running()
  }

  /** One at a time: checking a large document takes the control process a second. @returns null while another is under way */
  async alone<T>(task: () => Promise<T>): Promise<T | null> {
    if (this.#isBusy) return null
    this.#isBusy = true
    try {
      return await task()
    } finally {
      this.#isBusy = false
    }
  }

  async check(text: string): Promise<CheckedDocument> {
    const source = await writableSource(this.#parts.sources)
    return this.#parts.check('file' in source ? source.file : NO_FILE, text)
  }

  /** @param isExpected whether the revision in force is the one that is to be replaced. @param by name of the token */
  async apply(text: string, isExpected: (revision: string) => boolean, by: string, cause: string): Promise<ApplyOutcome> {
    const previous = this.#runningRevision()
    if (!isExpected(previous)) return { kind: 'stale', revision: previous }
    const source = await writableSource(this.#parts.sources)
    if ('reason' in source) return { kind: 'fixed', reason: source.reason }
    const { file } = source
    const { ir, problems } = await this.#parts.check(file, text)
    if (ir === null) return { kind: 'wrong', problems }
    // Known before the file changes: whoever watches it may be faster than we are.
    this.#author = { revision: ir.revision, by, cause }
    try {
      const replaced = await replaceFile(file, text, () => isExpected(this.#runningRevision()))
      if (replaced === null) return { kind: 'stale', revision: this.#runningRevision() }
      await this.#parts.reload(cause)
      if (this.#runningRevision() === ir.revision) {
        return { kind: 'applied', revision: ir.revision, previous, file, backup: replaced.backup, problems }
      }
      const reason = this.#parts.lastError() ?? 'another configuration has come into force'
      // Otherwise the next start would fail.
      const leftOver = await replaced.undo().then(
        () => null,
        (error: unknown) => sentenceOf(error),
      )
      await this.#parts.reload(`${cause} is undone`)
      return { kind: 'refused', reason, leftOver }
    } catch (error) {
      return { kind: 'fixed', reason: `The file of the configuration cannot be written: ${sentenceOf(error)}.` }
    } finally {
      this.#author = null
    }
  }

  #runningRevision(): string {
    return this.#parts.running()?.revision ?? ''
  }
}
