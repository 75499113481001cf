import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import { ALGORITHM_NAMES, type Algorithm, DEMANDS, isAlgorithm } from '../../core/jwt-algorithms.ts'
import type { JsonObject } from './strict-json.ts'

/** A key that checks signatures, bound to the only algorithms it may be used with: a token cannot choose another. */
export interface BoundKey {
  /** Null fits every token; otherwise only tokens that name it or none. */
  readonly kid: string | null
  readonly algorithms: ReadonlySet<Algorithm>
  readonly key: KeyObject
}

/** Below this RSA is refused (RFC 7518, 3.3); above the other a signature costs more than it protects. */
const RSA_BITS_MIN = 2_048
const RSA_BITS_MAX = 16_384
/** Keys tried for one token: it may name none, and every try costs. */
const CANDIDATES_MAX = 10

/** The keys that may have signed a token. */
export function candidatesOf(keys: readonly BoundKey[], algorithm: Algorithm, kid: string | undefined): readonly BoundKey[] {
  const fits = (key: BoundKey): boolean => key.algorithms.has(algorithm) && (kid === undefined || key.kid === null || key.kid === kid)
  return keys.filter(fits).slice(0, CANDIDATES_MAX)
}

/** @throws an Error with a sentence for the operator when a key and its algorithms contradict each other */
export function bind(key: KeyObject, kid: string | null, algorithms: readonly Algorithm[]): BoundKey {
  const possible = possibleFor(key)
  const wrong = algorithms.find((algorithm) => !possible.includes(algorithm))
  if (wrong !== undefined) throw new Error(`${wrong} does not fit ${describeKey(key)}: possible are ${possible.join(', ')}`)
  return { kid, algorithms: new Set(algorithms), key }
}

/** Every algorithm that a key's type and curve allow; none for a key that is of no use here. */
export function possibleFor(key: KeyObject): readonly Algorithm[] {
  const type = key.type === 'secret' ? 'secret' : key.asymmetricKeyType
  const curve = key.asymmetricKeyDetails?.namedCurve
  return ALGORITHM_NAMES.filter((name) => DEMANDS[name].type === type && (type !== 'ec' || DEMANDS[name].curve === curve))
}

/** What a key is used with when nobody said: the first one it can do. */
export function defaultFor(key: KeyObject): readonly Algorithm[] {
  const possible = possibleFor(key)
  // An Ed25519 key has two names for one algorithm.
  return DEMANDS[possible[0] ?? 'HS256'].type === 'ed25519' ? possible : possible.slice(0, 1)
}

function describeKey(key: KeyObject): string {
  if (key.type === 'secret') return 'a secret'
  return key.asymmetricKeyType === 'ec'
    ? `a key on ${key.asymmetricKeyDetails?.namedCurve ?? 'a curve'}`
    : `a key of type ${key.asymmetricKeyType}`
}

export type SecretEncoding = 'utf8' | 'base64'

/** @throws an Error with a sentence for the operator */
export function secretKey(secret: string, encoding: SecretEncoding): KeyObject {
  if (encoding === 'base64' && !/^[A-Za-z0-9+/_-]+={0,2}$/.test(secret)) throw new Error('the secret is not base64')
  const bytes = Buffer.from(secret, encoding)
  if (bytes.length === 0) throw new Error('the secret is empty')
  return createSecretKey(bytes)
}

/** A public key or certificate in PEM. @throws an Error with a sentence for the operator */
export function pemKey(pem: string): KeyObject {
  // Node would take a private key too, and then it would lie in a configuration that has no need of it.
  if (pem.includes('PRIVATE KEY-----')) throw new Error('this is a private key: give the public one only')
  if (!/-----BEGIN (PUBLIC KEY|RSA PUBLIC KEY|CERTIFICATE)-----/.test(pem))
    throw new Error('expected a public key in PEM: `-----BEGIN PUBLIC KEY-----`')
  try {
    return checked(createPublicKey(pem))
  } catch (error) {
    throw error instanceof KeyRefused ? error : new Error('the PEM text holds no public key that can be read', { cause: error })
  }
}

class KeyRefused extends Error {}

function checked(key: KeyObject): KeyObject {
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (key.asymmetricKeyType === 'rsa' && (bits === undefined || bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)) {
    throw new KeyRefused(`an RSA key of ${bits} bits: ${RSA_BITS_MIN} to ${RSA_BITS_MAX} are accepted`)
  }
  if (possibleFor(key).length === 0) throw new KeyRefused(`no algorithm is known for ${describeKey(key)}`)
  return key
}

/** A key as RFC 7517 writes it. @throws an Error with a sentence for the operator */
export function jwkKey(jwk: JsonObject): KeyObject {
  if (jwk['kty'] === 'oct') {
    const { k } = jwk
    if (typeof k !== 'string') throw new Error('expected the secret in `k`')
    return secretKey(k, 'base64')
  }
  if (['d', 'p', 'q', 'dp', 'dq', 'qi'].some((name) => Object.hasOwn(jwk, name))) {
    throw new Error('this is a private key: give the public one only')
  }
  const members = PUBLIC_MEMBERS.get(jwk['kty'])
  if (members === undefined) throw new Error('expected `kty` to be RSA, EC, OKP or oct')
  // Only what makes the public key: x5c, x5u and the like are never looked at.
  const key = Object.fromEntries(['kty', ...members].map((name) => [name, jwk[name]]))
  try {
    return checked(createPublicKey({ key, format: 'jwk' }))
  } catch (error) {
    throw error instanceof KeyRefused ? error : new Error(`the key's members ${members.join(', ')} make no public key`, { cause: error })
  }
}

const PUBLIC_MEMBERS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['RSA', ['n', 'e']],
  ['EC', ['crv', 'x', 'y']],
  ['OKP', ['crv', 'x']],
])

/** Whether a JWK says of itself that it is for something else (RFC 7517, 4.2 and 4.3). */
function isForOthers({ use, key_ops: operations }: JsonObject): boolean {
  if (use !== undefined && use !== 'sig') return true
  return operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))
}

/** A JWK that is not used, and why. */
export interface Unused {
  readonly kid: string | null
  readonly why: string
}

/**
 * Reads the entries of a key set that somebody else wrote: what is of no use here is left out and told, as RFC 7517, 5 has it. `alg` binds
 * an entry; without it the type decides.
 */
export function readKeySet(
  entries: readonly JsonObject[],
  { secrets }: { readonly secrets: boolean },
): {
  readonly keys: readonly BoundKey[]
  readonly unused: readonly Unused[]
} {
  const keys: BoundKey[] = []
  const unused: Unused[] = []
  for (const entry of entries) {
    const kid = typeof entry['kid'] === 'string' ? entry['kid'] : null
    try {
      keys.push(readEntry(entry, kid, secrets))
    } catch (error) {
      unused.push({ kid, why: error instanceof Error ? error.message : String(error) })
    }
  }
  return { keys, unused }
}

function readEntry(entry: JsonObject, kid: string | null, secrets: boolean): BoundKey {
  if (isForOthers(entry)) throw new Error('it is not for signatures')
  if (entry['kty'] === 'oct' && !secrets) throw new Error('a secret that is published is none')
  if (entry['kid'] !== undefined && kid === null) throw new Error('its `kid` is no text')
  const { alg } = entry
  const key = jwkKey(entry)
  if (alg === undefined) return bind(key, kid, possibleFor(key))
  if (!isAlgorithm(alg)) throw new Error('its `alg` is not known')
  return bind(key, kid, [alg])
}
