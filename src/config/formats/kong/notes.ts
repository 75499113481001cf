/** What is told of what is not carried exactly. */
import type { Problem } from '../../diagnostics.ts'
import type { SourceLocation } from '../../ir.ts'
import type { FidelityNote, FidelityRules } from './types.ts'

/** Warnings that `check` and `start` make of notes. */
const TOLD_MAX = 50

export class Notes {
  readonly #all: FidelityNote[] = []
  readonly #skips: boolean
  readonly #problems: Problem[]

  /** @param skips whether what cannot be carried is left out, in place of being an error */
  constructor(problems: Problem[], skips: boolean) {
    this.#problems = problems
    this.#skips = skips
  }

  get all(): readonly FidelityNote[] {
    return this.#all
  }

  /** A rule applies. @param rule its key in `rules` */
  note(entity: string, rules: FidelityRules, rule: string, at: SourceLocation): void {
    const found = rules[rule]
    if (found === undefined) throw new Error(`there is no rule \`${rule}\` for ${entity}`)
    this.#all.push({ ...found, entity, field: rule.replace(/#.*$/, ''), at })
  }

  /**
   * Something that Kong does and that is not done here, and that it would be unsafe to leave out in silence.
   * @returns whether it is left out; otherwise the file is not taken
   */
  unsupported(entity: string, field: string, at: SourceLocation, reason: string): boolean {
    if (this.#skips) {
      this.#all.push({ fidelity: 'unsupported', entity, field, at, reason })
      return true
    }
    const what = field === '' ? entity : `\`${field}\` of ${entity}`
    const message = `${what} cannot be carried over: ${reason} (\`--skip-unsupported\` leaves it out)`
    this.#problems.push({ severity: 'error', location: at, message })
    return false
  }

  /** The notes as warnings: what is left out one by one, what differs in the same way for many entities once. */
  warnings(): Problem[] {
    const groups = Map.groupBy(this.#all, ({ entity, field, fidelity, reason }) =>
      fidelity === 'unsupported' ? `${entity} ${field} ${reason}` : `${field} ${reason}`,
    )
    // What is left out may have guarded something: none of what is not quite the same hides it.
    const isKept = ([first]: readonly FidelityNote[]): number => Number(first?.fidelity !== 'unsupported')
    const ordered = [...groups.values()].toSorted((a, b) => isKept(a) - isKept(b))
    const told = ordered.slice(0, TOLD_MAX).flatMap((notes): Problem | never[] => {
      const [first, ...others] = notes
      if (first === undefined) return []
      const { entity, field, fidelity, reason, at } = first
      const of = others.length === 0 ? entity : `${entity} and ${others.length} more`
      const what = field === '' ? of : `\`${field}\` of ${of}`
      const verdict = fidelity === 'unsupported' ? 'left out' : 'not quite what Kong does'
      return { severity: 'warning', location: at, message: `${what} ${others.length === 0 ? 'is' : 'are'} ${verdict}: ${reason}` }
    })
    const [next] = ordered[TOLD_MAX] ?? []
    if (next === undefined) return told
    const message = `and ${ordered.length - TOLD_MAX} more kinds of things that are not quite what Kong does: \`turnpike import\` lists them all`
    return [...told, { severity: 'warning', location: next.at, message }]
  }
}
