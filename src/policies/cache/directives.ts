/** More than anybody's clock needs; RFC 9111, 1.2.2 asks for 2^31 at least. */
const SECONDS_MAX = 2 ** 31

/** What a Cache-Control field says (RFC 9111, 5.2). Names are in lower case; ones that nobody knows are kept and never asked for. */
export class Directives {
  /** The field cannot be read to its end: nobody knows what it forbids. */
  readonly isMalformed: boolean
  readonly #values: ReadonlyMap<string, string | null>
  /** Names that came twice with different values. */
  readonly #contradicted: ReadonlySet<string>

  constructor(isMalformed: boolean, values: ReadonlyMap<string, string | null>, contradicted: ReadonlySet<string>) {
    this.isMalformed = isMalformed
    this.#values = values
    this.#contradicted = contradicted
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** Whether it has a value. */
  hasValue(name: string): boolean {
    return this.#values.get(name) != null
  }

  /**
   * The delta-seconds of a directive in milliseconds (RFC 9111, 1.2.2); quoted ones are read too (5.2). Undefined when it is not there, NaN
   * when it has no such value or several different ones: RFC 9111, 4.2.1 has the response be stale then.
   */
  ms(name: string): number | undefined {
    const value = this.#values.get(name)
    if (value === undefined) return undefined
    if (value === null || this.#contradicted.has(name) || !/^\d+$/.test(value)) return Number.NaN
    return Math.min(Number(value), SECONDS_MAX) * 1000
  }
}

/** One directive with its value, a token or a quoted string, and what separates it from the next. */
const DIRECTIVE = /[\t ]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:=(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)|"((?:[^"\\]|\\.)*)"))?[\t ]*(?:,|$)/y
const EMPTY_MEMBER = /[\t ]*(?:,|$)/y

/** @param field all values of the field, joined with commas; undefined for none */
export function parseDirectives(field: string | undefined): Directives {
  if (field === undefined) return NONE
  const values = new Map<string, string | null>()
  const contradicted = new Set<string>()
  let at = 0
  while (at < field.length) {
    EMPTY_MEMBER.lastIndex = at
    DIRECTIVE.lastIndex = at
    const found = DIRECTIVE.exec(field)
    if (found !== null) {
      const name = (found[1] ?? '').toLowerCase()
      const value = found[2] ?? found[3]?.replaceAll(/\\(.)/g, '$1') ?? null
      if (values.has(name) && values.get(name) !== value) contradicted.add(name)
      values.set(name, value)
      at = DIRECTIVE.lastIndex
    } else if (EMPTY_MEMBER.test(field)) at = EMPTY_MEMBER.lastIndex
    else return new Directives(true, values, contradicted)
  }
  return new Directives(false, values, contradicted)
}

const NONE = new Directives(false, new Map(), new Set())
