import { createHash, timingSafeEqual } from 'node:crypto'
import type { Exchange } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import type { Signature } from './signature.ts'

/** What a body is to have for digest. */
export interface BodyDigest {
  readonly algorithm: 'sha256' | 'sha512'
  readonly bytes: Buffer
}

const ALGORITHMS: ReadonlyMap<string, BodyDigest['algorithm']> = new Map([
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
])
const BYTES = { sha256: 32, sha512: 64 } as const
const DIGESTS_MAX = 10

/**
 * The digests that are signed: those of `Digest` (RFC 3230, 4.3.2) and `Content-Digest` (RFC 9530, 2) where the signature covers them.
 * Algorithms that are not known are passed over. Null for what is malformed.
 */
export function signedDigests({ request }: Exchange, { covered }: Signature): readonly BodyDigest[] | null {
  return digestsOf(request.headers, covered)
}

/** Those of `Digest`, signed or not. Null for what is malformed. */
export function digestsSent({ request: { headers } }: Exchange): readonly BodyDigest[] | null {
  return headers.has('Digest') ? digestsOf(headers, ['digest']) : []
}

function digestsOf(headers: Headers, fields: readonly string[]): readonly BodyDigest[] | null {
  const digests: BodyDigest[] = []
  for (const name of fields) {
    const field = name.toLowerCase()
    if (field !== 'digest' && field !== 'content-digest') continue
    const form = field === 'digest' ? DIGEST : CONTENT_DIGEST
    const items = (headers.getJoined(field) ?? '').split(',')
    if (items.length > DIGESTS_MAX) return null
    for (const item of items) {
      const [, written, encoded = ''] = form.exec(item) ?? []
      if (written === undefined) return null
      const algorithm = ALGORITHMS.get(written.toLowerCase())
      if (algorithm === undefined) continue
      const bytes = Buffer.from(encoded, 'base64')
      if (bytes.length !== BYTES[algorithm]) return null
      digests.push({ algorithm, bytes })
    }
  }
  return digests
}

const DIGEST = /^[ \t]*([A-Za-z0-9-]{1,32})=([A-Za-z0-9+/=_-]{1,128})[ \t]*$/
const CONTENT_DIGEST = /^[ \t]*([a-z0-9-]{1,32})=:([A-Za-z0-9+/=]{1,128}):[ \t]*$/

/** Whether a body has all of these digests. */
export function hasDigests(body: Buffer, digests: readonly BodyDigest[]): boolean {
  return digests.every(({ algorithm, bytes }) => timingSafeEqual(createHash(algorithm).update(body).digest(), bytes))
}
