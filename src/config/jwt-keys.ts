/** Whether a key fits the algorithm that it is named for (RFC 7518, 3.1). */
import { createPublicKey, type KeyObject } from 'node:crypto'

interface Demand {
  readonly type: 'secret' | 'rsa' | 'ec' | 'ed25519'
  readonly curve?: string
}

const RSA: Demand = { type: 'rsa' }
const SECRET: Demand = { type: 'secret' }

const DEMANDS = {
  HS256: SECRET,
  HS384: SECRET,
  HS512: SECRET,
  RS256: RSA,
  RS384: RSA,
  RS512: RSA,
  PS256: RSA,
  PS384: RSA,
  PS512: RSA,
  ES256: { type: 'ec', curve: 'prime256v1' },
  ES384: { type: 'ec', curve: 'secp384r1' },
  ES512: { type: 'ec', curve: 'secp521r1' },
  EdDSA: { type: 'ed25519' },
  Ed25519: { type: 'ed25519' },
} as const satisfies Readonly<Record<string, Demand>>

export type JwtAlgorithm = keyof typeof DEMANDS

export const JWT_ALGORITHMS = [
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
] as const satisfies readonly JwtAlgorithm[]

export interface WrittenJwtKey {
  readonly algorithm: JwtAlgorithm
  readonly secret?: string | undefined
  readonly publicKey?: string | undefined
}

export interface JwtKeyProblem {
  readonly path: readonly string[]
  readonly message: string
}

/** RFC 7518, 3.3. */
const RSA_BITS_MIN = 2_048

/** What is wrong with the key of a credential; null for nothing. */
export function jwtKeyProblem({ algorithm, secret, publicKey }: WrittenJwtKey): JwtKeyProblem | null {
  const demand: Demand = DEMANDS[algorithm]
  if (demand.type === 'secret') {
    if (publicKey !== undefined) return { path: ['publicKey'], message: `${algorithm} is for a \`secret\`: what is public cannot be one` }
    return secret === undefined ? { path: [], message: `${algorithm} needs a \`secret\`` } : null
  }
  if (secret !== undefined) return { path: ['secret'], message: `${algorithm} is for a \`publicKey\`` }
  if (publicKey === undefined) return { path: [], message: `${algorithm} needs a \`publicKey\`` }
  const problem = publicKeyProblem(publicKey, demand)
  return problem === null ? null : { path: ['publicKey'], message: problem }
}

function publicKeyProblem(pem: string, { type, curve }: Demand): string | null {
  if (pem.includes('PRIVATE KEY')) return 'expected a public key: this one is private, and is not to stand here'
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch {
    return 'expected a public key or certificate in PEM (`-----BEGIN PUBLIC KEY-----` …)'
  }
  const { asymmetricKeyType: found, asymmetricKeyDetails: details } = key
  if (found !== type || (curve !== undefined && details?.namedCurve !== curve)) {
    return `expected ${curve === undefined ? `a key of the type ${type}` : `an EC key on the curve ${curve}`}`
  }
  if (type === 'rsa' && (details?.modulusLength ?? 0) < RSA_BITS_MIN) return `expected an RSA key of ${RSA_BITS_MIN} bits or more`
  return null
}
