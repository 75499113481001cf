import { normalisePath } from '../../core/path.ts'

/** A segment of a path template: text in the normal form of request paths, any one segment, or all that follow. */
export type TemplateSegment = { readonly literal: string } | '*' | '**'

/** A variable: which segments of the path it takes. */
export interface TemplateVariable {
  /** Names of fields, the outermost first. */
  readonly fieldPath: readonly string[]
  /** The first segment that it takes. */
  readonly start: number
  /** Behind the last one; null for all that follow. */
  readonly end: number | null
  /** Whether it takes one segment whatever it is (`{name}`, `{name=*}`), and is decoded as a whole. */
  readonly isSingle: boolean
}

/** A path template of google.api.http, parsed. */
export interface PathTemplate {
  readonly text: string
  readonly segments: readonly TemplateSegment[]
  readonly variables: readonly TemplateVariable[]
  /** What follows the colon at the end; empty for none. */
  readonly verb: string
}

const TEXT_MAX = 2_048
const IDENTIFIER = /[A-Za-z_][A-Za-z0-9_]*/y
const LITERAL = /[^/{}*:=?#\s]+/y

/**
 * Parses a path template (google/api/http.proto, "Path template syntax"):
 *
 *     Template = "/" Segments [ Verb ] ;        Segment  = "*" | "**" | LITERAL | Variable ;
 *     Segments = Segment { "/" Segment } ;      Variable = "{" FieldPath [ "=" Segments ] "}" ;
 *     Verb     = ":" LITERAL ;                  FieldPath = IDENT { "." IDENT } ;
 *
 * `**` is the last segment, and no variable holds another.
 * @returns the template, or what is wrong with it in one sentence
 */
export function parseTemplate(text: string): PathTemplate | { readonly problem: string } {
  if (text.length > TEXT_MAX) return { problem: `a path template has at most ${TEXT_MAX} characters` }
  try {
    return new TemplateParser(text).parse()
  } catch (error) {
    if (error instanceof TemplateFault) return { problem: `${error.message}, at character ${error.at + 1}` }
    throw error
  }
}

class TemplateFault extends Error {
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

class TemplateParser {
  readonly #text: string
  readonly #segments: TemplateSegment[] = []
  readonly #variables: TemplateVariable[] = []
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  parse(): PathTemplate {
    this.#expect('/')
    this.#parts(false)
    const verb = this.#takeIf(':') ? this.#literal() : ''
    if (this.#at < this.#text.length) throw this.#fault(`unexpected \`${this.#text.charAt(this.#at)}\``)
    return { text: this.#text, segments: this.#segments, variables: this.#variables, verb }
  }

  #fault(message: string): TemplateFault {
    return new TemplateFault(message, this.#at)
  }

  #takeIf(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #expect(text: string): void {
    if (!this.#takeIf(text)) throw this.#fault(`expected \`${text}\``)
  }

  #match(pattern: RegExp, what: string): string {
    pattern.lastIndex = this.#at
    const [found] = pattern.exec(this.#text) ?? []
    if (found === undefined) throw this.#fault(`expected ${what}`)
    this.#at += found.length
    return found
  }

  #parts(inVariable: boolean): void {
    do {
      if (this.#segments.at(-1) === '**') throw this.#fault('`**` is the last segment')
      if (this.#takeIf('**')) this.#segments.push('**')
      else if (this.#takeIf('*')) this.#segments.push('*')
      else if (!this.#text.startsWith('{', this.#at)) this.#segments.push({ literal: this.#literal() })
      else if (inVariable) throw this.#fault('a variable holds no other')
      else this.#variable()
    } while (this.#takeIf('/'))
  }

  #literal(): string {
    const written = this.#match(LITERAL, 'a segment')
    // A letter in front keeps a dot what it is: part of a segment.
    const normal = normalisePath(`/x${written.replaceAll(/[^\x21-\x7e]+/gu, (run) => encodeURIComponent(run.toWellFormed()))}`)
    if (normal === null || written === '.' || written === '..') throw this.#fault(`\`${written}\` is no segment that a request can have`)
    return normal.slice(2)
  }

  #variable(): void {
    this.#expect('{')
    const fieldPath: string[] = []
    do fieldPath.push(this.#match(IDENTIFIER, 'the name of a field'))
    while (this.#takeIf('.'))
    const start = this.#segments.length
    if (this.#takeIf('=')) this.#parts(true)
    else this.#segments.push('*')
    this.#expect('}')
    const isSingle = this.#segments.length === start + 1 && this.#segments[start] === '*'
    const end = this.#segments.at(-1) === '**' ? null : this.#segments.length
    this.#variables.push({ fieldPath, start, end, isSingle })
  }
}

/**
 * The value that a variable has in a path.
 * - One segment is decoded as a whole.
 * - Several keep an encoded slash as it is, since a free one would look like one more segment (google/api/http.proto).
 * @param segments of the path, in normal form
 * @returns null for what is not UTF-8
 */
export function variableValue({ start, end, isSingle }: TemplateVariable, segments: readonly string[]): string | null {
  try {
    if (isSingle) return decode(segments[start] ?? '')
    return segments
      .slice(start, end ?? undefined)
      .map((segment) => segment.split('%2F').map(decode).join('%2F'))
      .join('/')
  } catch {
    return null
  }
}

function decode(segment: string): string {
  return segment.includes('%') ? decodeURIComponent(segment) : segment
}
