import type { Exchange } from '../../core/exchange.ts'
import type { Reply } from '../../core/reply.ts'
import { refuse } from '../../core/reply.ts'
import type { Violation } from '../../core/violations.ts'
import type { Validator } from './engine.ts'
import { inRange, parseMediaType, type Reading, readingOf } from './media-types.ts'
import type { Shape } from './shape.ts'

/** What requests are checked against, whatever form it was written in. */
export interface Plan {
  /** Whether any body is ever looked at. */
  readonly looksAtBodies: boolean
  /** What an exchange must fit; null when it need not fit anything. */
  rulesFor(exchange: Exchange): Rules | null
}

export interface Rules {
  /** For notes. */
  readonly name: string
  /** What of the head does not fit. */
  headViolations(exchange: Exchange): Violation[]
  readonly body: BodyRules | null
}

export interface BodyRules {
  readonly required: boolean
  /** The more specific ranges first. */
  readonly content: readonly ContentRules[]
  readonly wrongType: Reply
}

export interface ContentRules {
  readonly range: string
  readonly reading: Reading
  /** Null when anything is valid. */
  readonly validator: Validator | null
  /** For forms. */
  readonly shape: Shape
}

export function bodyRules(required: boolean, content: readonly ContentRules[]): BodyRules {
  const ranges = content.map(({ range }) => range).join(', ')
  const detail = `Expected a body of type ${ranges}`
  return { required, content, wrongType: refuse('request_media_type_unsupported', detail, [['Accept', ranges]]) }
}

/** How the body of an exchange is to be read; null when its type is none that is taken. */
export interface Chosen {
  readonly required: boolean
  readonly reading: Exclude<Reading, 'by type'>
  readonly content: ContentRules
}

export function chooseContent({ required, content }: BodyRules, exchange: Exchange): Chosen | null {
  const values = exchange.request.headers.getAll('Content-Type')
  // RFC 9110, 8.3 has one value; of two a service may take the other.
  const type = values.length > 1 ? null : parseMediaType(values[0] ?? 'application/octet-stream')
  if (type === null) return null
  for (const rules of content) {
    if (inRange(rules.range, type)) return { required, reading: readingOf(rules.reading, type), content: rules }
  }
  return null
}

/** Whether a body is sent in some coding, so that its bytes are not what its media type says (RFC 9110, 8.4). */
export function isEncoded(exchange: Exchange): boolean {
  const coding = exchange.request.headers.getJoined('Content-Encoding')
  return coding !== undefined && coding.trim().toLowerCase() !== 'identity'
}
