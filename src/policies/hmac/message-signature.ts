/** Signatures of RFC 9421, in the fields `Signature-Input` and `Signature`. */
import type { Exchange } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import { bytesOf, type Signature } from './signature.ts'

const CHARS_MAX = 8_192
const SIGNATURES_MAX = 5
const COMPONENTS_MAX = 50
const PARAMETERS_MAX = 20

/** RFC 8941, 3.1.2, 3.2 and 3.3, as far as such signatures need them. */
const KEY = /[a-z*][a-z0-9_.*-]{0,63}/y
const STRING = /"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/y
const BARE_ITEM =
  /"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"|0|-?[1-9]\d{0,14}|[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*|\?[01]|:[A-Za-z0-9+/=]*:/y
const BYTES = /:([A-Za-z0-9+/=]{1,1024}):/y
const BLANKS = / */y
const COMMA = /[ \t]*,[ \t]*/y
const COMPONENT = /^(@[a-z-]{1,32}|[!#$%&'*+\-.^_`|~0-9a-z]{1,256})$/

/** The signatures of a request, up to five; null for none, 'malformed' for what cannot be read in one way. */
export function readMessageSignatures(headers: Headers): readonly Signature[] | null | 'malformed' {
  const input = headers.getJoined('Signature-Input')
  if (input === undefined) return null
  const signature = headers.getJoined('Signature') ?? ''
  if (input.length > CHARS_MAX || signature.length > CHARS_MAX) return 'malformed'
  const inputs = dictionary(new Cursor(input), innerList)
  const values = dictionary(new Cursor(signature), (cursor) => bytesOf(cursor.take(BYTES)?.[1] ?? ''))
  if (inputs === null || values === null || inputs.size === 0) return 'malformed'
  const signatures: Signature[] = []
  for (const [label, { covered, parameters, text }] of inputs) {
    const bytes = values.get(label)
    const keyId = stringOf(parameters.get('keyid'))
    const algorithm = parameters.has('alg') ? stringOf(parameters.get('alg')) : ''
    const created = secondsOf(parameters.get('created'))
    const expires = secondsOf(parameters.get('expires'))
    if (bytes === undefined || keyId === null || keyId === '' || algorithm === null) return 'malformed'
    if (created === undefined || expires === undefined) return 'malformed'
    signatures.push({ form: 'message', keyId, algorithm, covered, bytes, created, expires, parameters: text })
  }
  return signatures
}

class Cursor {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text.trim()
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length
  }

  /** @param form sticky */
  take(form: RegExp): RegExpExecArray | null {
    form.lastIndex = this.#at
    const match = form.exec(this.#text)
    if (match !== null) this.#at = form.lastIndex
    return match
  }

  sees(char: string): boolean {
    return this.#text.charAt(this.#at) === char
  }

  takeChar(char: string): boolean {
    if (!this.sees(char)) return false
    this.#at++
    return true
  }
}

/** RFC 8941, 3.2, but that a label which stands twice is refused. */
function dictionary<T>(cursor: Cursor, member: (cursor: Cursor) => T | null): ReadonlyMap<string, T> | null {
  const members = new Map<string, T>()
  while (!cursor.isAtEnd) {
    const label = cursor.take(KEY)?.[0]
    if (label === undefined || members.has(label) || members.size === SIGNATURES_MAX || !cursor.takeChar('=')) return null
    const value = member(cursor)
    if (value === null) return null
    members.set(label, value)
    if (cursor.isAtEnd) break
    if (cursor.take(COMMA) === null || cursor.isAtEnd) return null
  }
  return members
}

interface SignatureParameters {
  readonly covered: readonly string[]
  /** Values as they are written. */
  readonly parameters: ReadonlyMap<string, string>
  /** The whole, as RFC 8941, 4.1.1 writes it. */
  readonly text: string
}

/** A component that stands twice is an error (RFC 9421, 2.5). Those with parameters (`;sf`, `;key`) are not known here. */
function innerList(cursor: Cursor): SignatureParameters | null {
  if (!cursor.takeChar('(')) return null
  const covered: string[] = []
  cursor.take(BLANKS)
  while (!cursor.takeChar(')')) {
    const name = cursor.take(STRING)?.[1]
    if (name === undefined || !COMPONENT.test(name) || covered.includes(name) || covered.length === COMPONENTS_MAX) return null
    covered.push(name)
    if (cursor.take(BLANKS)?.[0] === '' && !cursor.sees(')')) return null
  }
  const parameters = parametersOf(cursor)
  if (parameters === null) return null
  const list = covered.map((name) => `"${name}"`).join(' ')
  return { covered, parameters, text: `(${list})${[...parameters].map(([name, value]) => `;${name}=${value}`).join('')}` }
}

function parametersOf(cursor: Cursor): ReadonlyMap<string, string> | null {
  const parameters = new Map<string, string>()
  while (cursor.takeChar(';')) {
    cursor.take(BLANKS)
    const name = cursor.take(KEY)?.[0]
    if (name === undefined || parameters.has(name) || parameters.size === PARAMETERS_MAX || !cursor.takeChar('=')) return null
    const value = cursor.take(BARE_ITEM)?.[0]
    if (value === undefined) return null
    parameters.set(name, value)
  }
  return parameters
}

function stringOf(value: string | undefined): string | null {
  return value !== undefined && /^"[^"\\]*"$/.test(value) ? value.slice(1, -1) : null
}

/** Undefined for what is no time. */
function secondsOf(value: string | undefined): number | null | undefined {
  if (value === undefined) return null
  return /^\d{1,12}$/.test(value) ? Number(value) : undefined
}

/** What is signed (RFC 9421, 2.5), in Latin-1, as headers were received. Null when something is covered that the request does not have. */
export function signatureBase(exchange: Exchange, covered: readonly string[], parameters: string): string | null {
  const lines: string[] = []
  for (const name of covered) {
    const value = name.startsWith('@') ? derivedComponent(exchange, name) : fieldValue(exchange, name)
    if (value === undefined) return null
    lines.push(`"${name}": ${value}`)
  }
  lines.push(`"@signature-params": ${parameters}`)
  return lines.join('\n')
}

function fieldValue({ request }: Exchange, name: string): string | undefined {
  return name === 'host' ? request.authority : request.headers.getJoined(name)
}

/** RFC 9421, 2.2. */
function derivedComponent({ request }: Exchange, name: string): string | undefined {
  const { method, target, scheme } = request
  switch (name) {
    case '@method':
      return method
    case '@request-target':
      return target
    case '@scheme':
      return scheme
    case '@authority':
      return authorityOf(request.authority, scheme)
    case '@path':
      return pathOf(target).split('?', 1)[0]
    case '@query':
      return `?${queryOf(target)}`
    case '@target-uri':
      return `${scheme}://${authorityOf(request.authority, scheme)}${pathOf(target)}`
    default:
      return undefined
  }
}

/** RFC 9421, 2.2.3: in lower case, and without the port that goes without saying. */
function authorityOf(authority: string, scheme: 'http' | 'https'): string {
  return authority.toLowerCase().replace(scheme === 'https' ? /:443$/ : /:80$/, '')
}

/** Path and query as they were sent, also where the target is a whole URL (RFC 9112, 3.2.2). */
function pathOf(target: string): string {
  const rest = target.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?]*/, '')
  return rest.startsWith('/') ? rest : `/${rest}`
}

function queryOf(target: string): string {
  const mark = target.indexOf('?')
  return mark === -1 ? '' : target.slice(mark + 1)
}
