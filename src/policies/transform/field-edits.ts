import type { Exchange } from '../../core/exchange.ts'
import { isLegalValue } from '../../core/field-text.ts'
import type { Headers } from '../../core/headers.ts'
import { checkedTemplate } from '../../core/template.ts'

/** Edits of headers or of a query as they are written; applied in this order. Values are templates. */
export interface PairEdits {
  readonly remove: readonly string[]
  readonly rename: Readonly<Record<string, string>>
  readonly set: Readonly<Record<string, string>>
  readonly add: Readonly<Record<string, string>>
}

/** A name and what makes its value; null for none. */
export interface TemplatedPair {
  readonly name: string
  readonly valueFor: (exchange: Exchange) => string | null
}

/** A template that comes out empty gives no value: what is not known is not told. What is written as empty is meant. */
export function compilePairs(pairs: Readonly<Record<string, string>>): readonly TemplatedPair[] {
  return Object.entries(pairs).map(([name, source]) => {
    const template = checkedTemplate(source)
    return { name, valueFor: (exchange) => template.render(exchange) || (template.isConstant ? '' : null) }
  })
}

export function isEmpty({ remove, rename, set, add }: PairEdits): boolean {
  return remove.length + Object.keys(rename).length + Object.keys(set).length + Object.keys(add).length === 0
}

/** Edits headers; returns the name of a field whose value no message may hold, which is left out, or null. */
export type FieldEdits = (headers: Headers, exchange: Exchange) => string | null

/** Compiles edits of headers; null for nothing to do. */
export function compileFieldEdits(edits: PairEdits): FieldEdits | null {
  if (isEmpty(edits)) return null
  const { remove } = edits
  const renames = Object.entries(edits.rename)
  const sets = compilePairs(edits.set)
  const pairs = [...sets, ...compilePairs(edits.add)]
  return (headers, exchange) => {
    // All values are read before any field is edited: templates see the headers as they came.
    const values = pairs.map(({ valueFor }) => valueFor(exchange))
    for (const name of remove) headers.delete(name)
    for (const [from, to] of renames) headers.rename(from, to)
    let illegal: string | null = null
    for (const [i, { name }] of pairs.entries()) {
      const value = values[i] ?? null
      if (i < sets.length) headers.delete(name)
      if (value === null) continue
      if (isLegalValue(value)) headers.append(name, value)
      else illegal = name
    }
    return illegal
  }
}
