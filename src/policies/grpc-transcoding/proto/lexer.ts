/** The tokens of a .proto file, and the comments between them (protobuf.com/docs/language-spec, "Lexical Analysis"). */

export type TokenKind = 'identifier' | 'integer' | 'float' | 'string' | 'symbol' | 'end'

export interface Token {
  readonly kind: TokenKind
  /** As it stands in the file. */
  readonly text: string
  /** Line and column count from 1; a tab is one column. */
  readonly line: number
  readonly column: number
  /** Where it begins in the file's text. */
  readonly start: number
  /** Comments between the token before and this one. */
  readonly comments: readonly Comment[]
}

/** One block comment, or line comments on lines that follow each other. */
export interface Comment {
  readonly text: string
  readonly firstLine: number
  readonly lastLine: number
  /** Whether it stands on one line with the token before it. */
  readonly isTrailing: boolean
  readonly isBlock: boolean
}

/** What is wrong with a .proto file, and where. */
export class ProtoFault extends Error {
  override readonly name = 'ProtoFault'

  constructor(file: string, { line, column }: Pick<Token, 'line' | 'column'>, problem: string) {
    super(`${file}:${line}:${column}: ${problem}`)
  }
}

const NUMBER = /(?:0[xX][0-9a-fA-F]+|\d*\.\d+(?:[eE][+-]?\d+)?|\d+\.?(?:[eE][+-]?\d+)?)/y
const IDENTIFIER = /[A-Za-z_][A-Za-z0-9_]*/y
const STRING = /"(?:[^"\\\n\0]|\\[^\n])*"|'(?:[^'\\\n\0]|\\[^\n])*'/y
const SYMBOLS = ';,.:=-+(){}[]<>/'

/**
 * All tokens of a file; the last is an `end`. Throws a {@link ProtoFault} for what is no token.
 * @param file its name in messages
 */
export function tokensOf(file: string, text: string): readonly Token[] {
  return new Lexer(file, text).run()
}

class Lexer {
  readonly #file: string
  readonly #text: string
  readonly #tokens: Token[] = []
  #at = 0
  #line = 1
  #lineStart = 0
  #comments: Comment[] = []

  constructor(file: string, text: string) {
    this.#file = file
    this.#text = text
  }

  run(): readonly Token[] {
    // A byte order mark.
    if (this.#text.charCodeAt(0) === 0xfeff) this.#lineStart = ++this.#at
    for (this.#skip(); this.#at < this.#text.length; this.#skip()) this.#take()
    this.#push('end', '')
    return this.#tokens
  }

  #take(): void {
    const char = this.#text.charAt(this.#at)
    if (/[A-Za-z_]/.test(char)) return this.#push('identifier', this.#match(IDENTIFIER) ?? char)
    if (/\d/.test(char) || (char === '.' && /\d/.test(this.#text.charAt(this.#at + 1)))) return this.#takeNumber()
    if (char === '"' || char === "'") {
      const text = this.#match(STRING)
      if (text === null) throw this.#fault('a string that does not end on its line')
      return this.#push('string', text)
    }
    if (SYMBOLS.includes(char)) return this.#push('symbol', char)
    throw this.#fault(`unexpected ${JSON.stringify(char)}`)
  }

  #takeNumber(): void {
    const text = this.#match(NUMBER) ?? ''
    const after = this.#text.charAt(this.#at + text.length)
    if (/[A-Za-z0-9_.]/.test(after) || /^0\d*[89]\d*$/.test(text)) throw this.#fault('a malformed number')
    this.#push(/^(0[xX][0-9a-fA-F]+|\d+)$/.test(text) ? 'integer' : 'float', text)
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    return pattern.exec(this.#text)?.[0] ?? null
  }

  #push(kind: TokenKind, text: string): void {
    this.#tokens.push({ kind, text, ...this.#place(), start: this.#at, comments: this.#comments })
    this.#comments = []
    this.#at += text.length
  }

  #place(): { readonly line: number; readonly column: number } {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 }
  }

  #fault(problem: string): ProtoFault {
    return new ProtoFault(this.#file, this.#place(), problem)
  }

  /** Skips blanks, and takes up comments. */
  #skip(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text.charAt(this.#at)
      if (char === '\n') this.#newLine(this.#at)
      else if (this.#text.startsWith('//', this.#at)) this.#lineComment()
      else if (this.#text.startsWith('/*', this.#at)) this.#blockComment()
      else if (!/[ \t\r\f\v]/.test(char)) return
    }
  }

  #newLine(at: number): void {
    this.#line++
    this.#lineStart = at + 1
  }

  #lineComment(): void {
    const end = this.#text.indexOf('\n', this.#at)
    const stop = end === -1 ? this.#text.length : end
    const text = `${this.#text.slice(this.#at + 2, stop).replace(/\r$/, '')}\n`
    const isTrailing = this.#isOnLineOfToken()
    const before = this.#comments.at(-1)
    if (before !== undefined && !before.isTrailing && !before.isBlock && before.lastLine === this.#line - 1) {
      this.#comments[this.#comments.length - 1] = { ...before, text: before.text + text, lastLine: this.#line }
    } else {
      this.#comments.push({ text, firstLine: this.#line, lastLine: this.#line, isTrailing, isBlock: false })
    }
    this.#at = stop - 1
  }

  #blockComment(): void {
    const end = this.#text.indexOf('*/', this.#at + 2)
    if (end === -1) throw this.#fault('a comment that does not end')
    const firstLine = this.#line
    const isTrailing = this.#isOnLineOfToken()
    const written = this.#text.slice(this.#at + 2, end)
    for (let at = this.#text.indexOf('\n', this.#at); at !== -1 && at < end; at = this.#text.indexOf('\n', at + 1)) this.#newLine(at)
    // The asterisk that lines begin with is decoration.
    const text = written.replaceAll(/\n[ \t]*\*?/g, '\n')
    this.#comments.push({ text, firstLine, lastLine: this.#line, isTrailing, isBlock: true })
    this.#at = end + 1
  }

  #isOnLineOfToken(): boolean {
    return this.#comments.length === 0 && this.#tokens.at(-1)?.line === this.#line
  }
}

const ESCAPES: ReadonlyMap<string, number> = new Map([
  ['a', 7],
  ['b', 8],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
])
const ESCAPE = /\\(?:[xX]([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gu

/** The bytes that a string literal stands for; null when an escape in it means nothing. */
export function stringValue(literal: string): Buffer | null {
  const pieces: Buffer[] = []
  const inner = literal.slice(1, -1)
  let from = 0
  for (const match of inner.matchAll(ESCAPE)) {
    const [whole, hex, octal, short, long, char = ''] = match
    pieces.push(Buffer.from(inner.slice(from, match.index)))
    from = match.index + whole.length
    if (hex !== undefined) pieces.push(Buffer.of(Number.parseInt(hex, 16)))
    else if (octal !== undefined) pieces.push(Buffer.of(Number.parseInt(octal, 8) & 0xff))
    else if (short !== undefined || long !== undefined) {
      const point = Number.parseInt(short ?? long ?? '', 16)
      if (point > 0x10ffff) return null
      pieces.push(Buffer.from(String.fromCodePoint(point)))
    } else if (ESCAPES.has(char)) pieces.push(Buffer.of(ESCAPES.get(char) ?? 0))
    else if ('\\\'"?'.includes(char)) pieces.push(Buffer.from(char))
    else return null
  }
  pieces.push(Buffer.from(inner.slice(from)))
  return Buffer.concat(pieces)
}
