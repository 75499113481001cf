import { type Comment, ProtoFault, stringValue, type Token, tokensOf } from './lexer.ts'

/** Deepest nesting of messages, and of values of options. */
export const NESTING_MAX = 64

const INT32_MAX = 2 ** 31 - 1

/** Goes through the tokens of a file, one after the other. */
export class TokenReader {
  readonly file: string
  readonly #text: string
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(file: string, text: string) {
    this.file = file
    this.#text = text
    this.#tokens = tokensOf(file, text)
  }

  /** The next token. */
  get next(): Token {
    return this.peek(0)
  }

  peek(ahead: number): Token {
    const token = this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]
    if (token === undefined) throw new Error('a file has an end')
    return token
  }

  take(): Token {
    const token = this.next
    this.#at++
    return token
  }

  fault(problem: string, token: Token = this.next): ProtoFault {
    return new ProtoFault(this.file, token, problem)
  }

  is(text: string): boolean {
    const { kind, text: found } = this.next
    return found === text && kind !== 'string'
  }

  /** Takes the next token if it is this one. */
  takeIf(text: string): boolean {
    if (!this.is(text)) return false
    this.#at++
    return true
  }

  expect(text: string): Token {
    if (!this.is(text)) throw this.unexpected(`\`${text}\``)
    return this.take()
  }

  unexpected(expected: string): ProtoFault {
    const { kind, text } = this.next
    return this.fault(`expected ${expected}, found ${kind === 'end' ? 'the end of the file' : `\`${text}\``}`)
  }

  identifier(what: string): Token {
    if (this.next.kind !== 'identifier') throw this.unexpected(what)
    return this.take()
  }

  /** A name with dots in it, from the root with a dot in front if `rooted`. */
  qualifiedName(what: string, rooted = true): Token {
    const first = this.next
    let text = rooted && this.takeIf('.') ? '.' : ''
    text += this.identifier(what).text
    while (this.takeIf('.')) text += `.${this.identifier(what).text}`
    return { ...first, text }
  }

  /** A string, which may be written in several pieces. */
  bytes(what: string): Buffer {
    if (this.next.kind !== 'string') throw this.unexpected(what)
    const pieces: Buffer[] = []
    while (this.next.kind === 'string') {
      const value = stringValue(this.next.text)
      if (value === null) throw this.fault('an escape that means nothing')
      pieces.push(value)
      this.#at++
    }
    return Buffer.concat(pieces)
  }

  string(what: string): string {
    return this.bytes(what).toString('utf8')
  }

  /** A whole number, with a minus in front if `min` is below 0. */
  integer(what: string, min: number, max = INT32_MAX): number {
    const token = this.next
    const sign = min < 0 && this.takeIf('-') ? -1 : 1
    if (this.next.kind !== 'integer') throw this.unexpected(what)
    const value = sign * integerValue(this.take().text)
    if (value < min || value > max) throw this.fault(`expected ${what} from ${min} to ${max}`, token)
    return value
  }

  /** What is between two tokens, the first one and not the last, without comments: what stood there is blank. */
  textSince(first: Token): string {
    let text = ''
    let end = first.start
    for (let at = this.#at - 1; at >= 0; at--) {
      const token = this.#tokens[at]
      if (token === undefined || token.start < first.start) break
      const gap = at === this.#at - 1 ? '' : this.#text.slice(token.start + token.text.length, end)
      text = token.text + (gap === '' ? '' : ' ') + text
      end = token.start
    }
    return text
  }

  /** The comment right in front of the next token. */
  leadingComment(): string | undefined {
    const { comments, line } = this.next
    const last = comments.at(-1)
    return last !== undefined && !last.isTrailing && last.lastLine >= line - 1 ? last.text : undefined
  }

  /** The comment behind the token that was taken last, which ends a declaration or opens its block. */
  trailingComment(): string | undefined {
    const { comments, line, text, kind } = this.next
    const [first, second] = comments
    if (first === undefined) return undefined
    if (first.isTrailing) return first.text
    if (first.firstLine > this.#lastLine() + 1) return undefined
    const belongsToNext = second === undefined && first.lastLine >= line - 1 && text !== '}' && kind !== 'end'
    return belongsToNext ? undefined : isApart(first, second, line, text) ? first.text : undefined
  }

  #lastLine(): number {
    return this.#tokens[this.#at - 1]?.line ?? 0
  }
}

/** Whether an empty line, or the end of the block, parts a comment from what follows. */
function isApart(first: Comment, second: Comment | undefined, line: number, text: string): boolean {
  const nextLine = second?.firstLine ?? line
  return first.lastLine < nextLine - 1 || second !== undefined || text === '}' || text === ''
}

/** The value of an integer literal. */
export function integerValue(text: string): number {
  return /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text)
}
