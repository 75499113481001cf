/** What a client is told of a request that does not fit. Never more of its own values than the names on the way to them. */
import { type Reply, refuse } from './reply.ts'

export interface Violation {
  readonly in: 'body' | 'query' | 'header' | 'path' | 'cookie'
  /** A JSON pointer (RFC 6901) into the body, or of a parameter's name: `/limit`. */
  readonly pointer: string
  readonly message: string
  /** The keyword of JSON Schema that is violated. */
  readonly keyword?: string
}

const TOLD_MAX = 20

/**
 * A refusal (`request_invalid`) that lists the first 20 violations in the member `violations`, and counts those left out in
 * `violationsOmitted`.
 * @param complete false when there may be more than are given
 */
export function refuseFor(violations: readonly Violation[], complete = true): Reply {
  const told = violations.slice(0, TOLD_MAX)
  const more = violations.length - told.length
  const detail = !complete
    ? 'The request does not fit its schema; only the first violation was looked for'
    : violations.length === 1
      ? 'The request does not fit its schema in one place'
      : `The request does not fit its schema in ${violations.length} places${more > 0 ? `; the first ${TOLD_MAX} are listed` : ''}`
  return refuse('request_invalid', detail, [], { violations: told, ...(more > 0 && { violationsOmitted: more }) })
}
