import { type Algorithm, isAlgorithm } from '../../core/jwt-algorithms.ts'
import type { Reason } from './refusals.ts'
import { type JsonObject, parseObject } from './strict-json.ts'

/** A token that has been read, and is not yet believed. */
export interface Token {
  readonly text: string
  readonly algorithm: Algorithm
  /** Compared with the names of known keys, and used for nothing else. */
  readonly kid: string | undefined
  readonly header: JsonObject
  readonly claims: JsonObject
}

const PART = /^[A-Za-z0-9_-]+$/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads a JWS in compact form (RFC 7515, 7.1), or says why it is none that we accept. Strict throughout: what two readers could take for
 * different tokens is refused. `jwk`, `jku`, `x5u` and `x5c` in the header are not looked at: a token does not bring its own key.
 */
export function readToken(text: string): Token | Reason {
  const parts = text.split('.', 4)
  const [headerPart, claimsPart, signaturePart] = parts
  if (headerPart === undefined || claimsPart === undefined || signaturePart === undefined) return 'malformed'
  const headerBytes = decode(headerPart)
  const claimsBytes = decode(claimsPart)
  if (headerBytes === null || claimsBytes === null) return 'malformed'
  const header = readObject(headerBytes)
  if (header === null) return 'malformed'
  const { alg: algorithm, kid } = header
  if (kid !== undefined && typeof kid !== 'string') return 'malformed'
  // RFC 7515, 4.1.11: an extension that is not understood is a reason to refuse, and we understand none.
  if (Object.hasOwn(header, 'crit')) return 'critical'
  if (!isAlgorithm(algorithm)) return 'algorithmUnknown'
  const claims = readObject(claimsBytes)
  if (claims === null) return 'malformed'
  return parts.length > 3 || decode(signaturePart) === null ? 'signatureMalformed' : { text, algorithm, kid, header, claims }
}

/** Base64url without padding (RFC 7515, 2) and with no bits to spare, so that no other text means the same bytes. */
function decode(part: string): Buffer | null {
  if (!PART.test(part)) return null
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part ? bytes : null
}

function readObject(bytes: Buffer): JsonObject | null {
  try {
    return parseObject(utf8.decode(bytes))
  } catch {
    return null
  }
}
