/** Signature algorithms (RFC 7518, 3.1; RFC 8037; RFC 9864), and what each asks of a key. `none` is not among them. */

/** What an algorithm asks of a key. */
export interface Demand {
  /** Type of the key, as `KeyObject.asymmetricKeyType` says it, or a secret. */
  readonly type: 'secret' | 'rsa' | 'ec' | 'ed25519'
  /** OpenSSL's name of the only curve that fits. */
  readonly curve?: string
  /** RFC 7518, 3.2: a secret is to have at least as many bytes as the hash. */
  readonly secretBytes?: number
}

export const ALGORITHM_NAMES = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

export type Algorithm = (typeof ALGORITHM_NAMES)[number]

export const DEMANDS: Readonly<Record<Algorithm, Demand>> = {
  HS256: { type: 'secret', secretBytes: 32 },
  HS384: { type: 'secret', secretBytes: 48 },
  HS512: { type: 'secret', secretBytes: 64 },
  RS256: { type: 'rsa' },
  RS384: { type: 'rsa' },
  RS512: { type: 'rsa' },
  PS256: { type: 'rsa' },
  PS384: { type: 'rsa' },
  PS512: { type: 'rsa' },
  ES256: { type: 'ec', curve: 'prime256v1' },
  ES384: { type: 'ec', curve: 'secp384r1' },
  ES512: { type: 'ec', curve: 'secp521r1' },
  EdDSA: { type: 'ed25519' },
  Ed25519: { type: 'ed25519' },
}

const KNOWN: ReadonlySet<string> = new Set(ALGORITHM_NAMES)

/** Whether a text is one of the names, in exactly this spelling. */
export function isAlgorithm(text: unknown): text is Algorithm {
  return typeof text === 'string' && KNOWN.has(text)
}
