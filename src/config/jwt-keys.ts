/** Whether a key fits the algorithm that it is named for (RFC 7518, 3.1). */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { type Algorithm, DEMANDS, type Demand } from '../core/jwt-algorithms.ts'

export interface WrittenJwtKey {
  readonly algorithm: Algorithm
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
  const demand = DEMANDS[algorithm]
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
