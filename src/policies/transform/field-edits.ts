import type { Exchange } from '../../core/exchange.ts'
import { isLegalValue } from '../../core/field-text.ts'
import type { Headers } from '../../core/headers.ts'
import { checkedTemplate } from '../../core/template.ts'

/** Edits of headers, of a query or of a form as they are written; applied in this order. Values are templates. */
export interface PairEdits {
  readonly remove: readonly string[]
  readonly rename: Readonly<Record<string, string>>
  /** What becomes of a value that has the new name already: the renamed one takes its place, or is dropped. */
  readonly taken: 'replace' | 'keep'
  readonly set: Readonly<Record<string, string>>
  /** Only where there is one. */
  readonly replace: Readonly<Record<string, string>>
  /** Only where there is none. */
  readonly default: Readonly<Record<string, string>>
  readonly add: Readonly<Record<string, string | readonly string[]>>
}

/** When a value is written: always, only over another, only where there is none, or behind those that are there. */
type When = 'set' | 'replace' | 'default' | 'add'

/** A name and what makes its value; null for none. */
export interface TemplatedPair {
  readonly name: string
  readonly when: When
  readonly valueFor: (exchange: Exchange) => string | null
}

/** What edits write, in order. A template that comes out empty gives no value: what is not known is not told. What is written as empty is meant. */
export function compilePairs(edits: PairEdits): readonly TemplatedPair[] {
  const pairsOf = (when: When): TemplatedPair[] =>
    Object.entries<string | readonly string[]>(edits[when]).flatMap(([name, written]) =>
      [written].flat().map((source) => {
        const template = checkedTemplate(source)
        return { name, when, valueFor: (exchange) => template.render(exchange) || (template.isConstant ? '' : null) }
      }),
    )
  return [...pairsOf('set'), ...pairsOf('replace'), ...pairsOf('default'), ...pairsOf('add')]
}

export function isEmpty({ remove, rename, set, replace, default: defaults, add }: PairEdits): boolean {
  return remove.length === 0 && [rename, set, replace, defaults, add].every((entries) => Object.keys(entries).length === 0)
}

/** Edits headers; returns the name of a field whose value no message may hold, which is left out, or null. */
export type FieldEdits = (headers: Headers, exchange: Exchange) => string | null

/** Compiles edits of headers; null for nothing to do. */
export function compileFieldEdits(edits: PairEdits): FieldEdits | null {
  if (isEmpty(edits)) return null
  const { remove, taken } = edits
  const renames = Object.entries(edits.rename)
  const pairs = compilePairs(edits)
  return (headers, exchange) => {
    // All values are read before any field is edited: templates see the headers as they came.
    const values = pairs.map(({ valueFor }) => valueFor(exchange))
    for (const name of remove) headers.delete(name)
    for (const [from, to] of renames) {
      if (taken === 'keep' && headers.has(to) && from.toLowerCase() !== to.toLowerCase()) headers.delete(from)
      else headers.rename(from, to)
    }
    let illegal: string | null = null
    for (const [i, { name, when }] of pairs.entries()) {
      const value = values[i] ?? null
      if (when !== 'set' && when !== 'add' && headers.has(name) !== (when === 'replace')) continue
      if (when === 'set' || when === 'replace') headers.delete(name)
      if (value === null) continue
      if (isLegalValue(value)) headers.append(name, value)
      else illegal = name
    }
    return illegal
  }
}
