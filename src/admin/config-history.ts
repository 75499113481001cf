import type { GatewayIr } from '../config/ir.ts'

/** A configuration that has come into force. */
export interface AppliedConfig {
  readonly ir: GatewayIr
  /** As it may be shown, secrets hidden. */
  readonly display: () => unknown
  /** The document, as written; null where the sources are several, or it is not kept any more. */
  readonly text: string | null
  /** Milliseconds since 1970. */
  readonly atMs: number
  /** `start`, `a file changed`, `SIGHUP`, `PUT /config`. */
  readonly cause: string
  /** Name of the token it came with; null when it did not come through the admin listener. */
  readonly by: string | null
}

export const HISTORY_MAX = 10
/** Characters of all documents together. */
const TEXT_CHARS_MAX = 32 * 2 ** 20

/** The newest configurations that were in force, in memory: they end with the control process. */
export class ConfigHistory {
  #entries: AppliedConfig[] = []

  /** The newest first. */
  get entries(): readonly AppliedConfig[] {
    return this.#entries
  }

  /** Takes note of what is in force; of one that means the same as the last, only how it is written is new. */
  note(applied: AppliedConfig): void {
    const [last, ...older] = this.#entries
    if (last?.ir.revision === applied.ir.revision) {
      this.#entries = [{ ...last, display: applied.display, text: applied.text ?? last.text }, ...older]
      return
    }
    let chars = 0
    this.#entries = [applied, ...this.#entries].slice(0, HISTORY_MAX).map((entry) => {
      chars += entry.text?.length ?? 0
      return chars > TEXT_CHARS_MAX ? { ...entry, text: null } : entry
    })
  }

  /** The last one of this revision. */
  find(revision: string): AppliedConfig | null {
    return this.#entries.find(({ ir }) => ir.revision === revision) ?? null
  }
}
