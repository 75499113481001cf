import type { KeyObject } from 'node:crypto'
import { type Algorithm, DEMANDS, isAlgorithm } from '../../core/jwt-algorithms.ts'
import { type BoundKey, bind, defaultFor, jwkKey, pemKey, possibleFor, readKeySet, type SecretEncoding, secretKey } from './keys.ts'
import type { JsonObject } from './strict-json.ts'

/** One key as it is written: exactly one of the three forms. */
export interface KeyForm {
  readonly secret?: string | undefined
  readonly publicKey?: string | undefined
  readonly jwk?: JsonObject | undefined
}

/** The options that say which keys there are. */
export interface KeyOptions extends KeyForm {
  readonly algorithm?: readonly Algorithm[] | undefined
  readonly secretEncoding: SecretEncoding
  readonly jwks?: { readonly keys: readonly JsonObject[] } | undefined
  readonly keys?:
    | readonly (KeyForm & { readonly kid?: string | undefined; readonly algorithm?: readonly Algorithm[] | undefined })[]
    | undefined
  readonly jwksUrl?: string | undefined
  readonly consumers: boolean
}

export interface KeyProblem {
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** The keys of a configuration, or what is wrong with them. Used by the schema, to refuse, and by the policy. */
export function configuredKeys(options: KeyOptions): { readonly keys: readonly BoundKey[]; readonly problems: readonly KeyProblem[] } {
  const keys: BoundKey[] = []
  const problems: KeyProblem[] = []
  const attempt = (path: KeyProblem['path'], make: () => readonly BoundKey[]): void => {
    try {
      keys.push(...make())
    } catch (error) {
      problems.push({ path, message: error instanceof Error ? error.message : String(error) })
    }
  }
  for (const form of ['secret', 'publicKey', 'jwk'] as const) {
    if (options[form] !== undefined) attempt([form], () => [boundKey({ [form]: options[form] }, undefined, options)])
  }
  options.keys?.forEach((entry, index) => {
    attempt(['keys', index], () => [
      boundKey(entry, entry.kid, { ...options, algorithm: entry.algorithm ?? options.algorithm }, entry.algorithm === undefined),
    ])
  })
  if (options.jwks !== undefined) attempt(['jwks'], () => keySet(options))
  return { keys, problems }
}

/** @param partly whether algorithms that do not fit are for other keys, and left out */
function boundKey(form: KeyForm, kid: string | undefined, { algorithm: algorithms, secretEncoding }: KeyOptions, partly = false): BoundKey {
  const key = keyOf(form, secretEncoding)
  const { alg, kid: ownKid } = form.jwk ?? {}
  const name = kid ?? (typeof ownKid === 'string' ? ownKid : null)
  if (alg !== undefined) {
    if (!isAlgorithm(alg)) throw new Error('`alg` of the key is not known')
    if (algorithms !== undefined && !algorithms.includes(alg))
      throw new Error(`\`alg\` of the key is ${alg}, which is not among its algorithms`)
    return bind(key, name, [alg])
  }
  if (algorithms === undefined) return bind(key, name, defaultFor(key))
  const possible = possibleFor(key)
  const fitting = partly ? algorithms.filter((algorithm) => possible.includes(algorithm)) : algorithms
  if (fitting.length === 0) throw new Error(`none of the algorithms fits this key: possible are ${possible.join(', ')}`)
  return bind(key, name, fitting)
}

function keyOf({ secret, publicKey, jwk }: KeyForm, encoding: SecretEncoding): KeyObject {
  if (secret !== undefined) return secretKey(secret, encoding)
  if (publicKey !== undefined) return pemKey(publicKey)
  if (jwk !== undefined) return jwkKey(jwk)
  throw new Error('expected `secret`, `publicKey` or `jwk`')
}

function keySet({ jwks, algorithm: algorithms }: KeyOptions): readonly BoundKey[] {
  const { keys, unused } = readKeySet(jwks?.keys ?? [], { secrets: true })
  const fitting = keys.flatMap(({ key, kid, algorithms: own }) => {
    const both = algorithms === undefined ? [...own] : algorithms.filter((algorithm) => own.has(algorithm))
    return both.length === 0 ? [] : [bind(key, kid, both)]
  })
  if (fitting.length > 0) return fitting
  const why = unused[0]?.why ?? 'none fits the algorithms'
  throw new Error(`the set has no key that can be used: ${why}`)
}

/** What contradicts itself among the options that name keys. */
export function contradictions(options: KeyOptions): readonly KeyProblem[] {
  const local = (['secret', 'publicKey', 'jwk', 'jwks', 'keys'] as const).filter((name) => options[name] !== undefined)
  const named = [...local, ...(options.jwksUrl === undefined ? [] : ['jwksUrl'])]
  const all = '`secret`, `publicKey`, `jwk`, `jwks`, `keys`, `jwksUrl` or `consumers: true`'
  if (named.length === 0 && !options.consumers) return [{ path: [], message: `there is no key to check tokens with: say ${all}` }]
  if (named.length > 0 && options.consumers) {
    return [
      { path: ['consumers'], message: `with \`consumers\` each consumer has its own key: \`${named.join('`, `')}\` would never be used` },
    ]
  }
  const [, second] = local
  if (second !== undefined) {
    return [{ path: [second], message: `\`${local.join('` and `')}\` exclude each other: several keys are written under \`keys\`` }]
  }
  if (local.length === 0 && options.jwksUrl !== undefined && options.algorithm?.every((name) => DEMANDS[name].type === 'secret') === true) {
    return [
      { path: ['algorithm'], message: 'keys that are published at `jwksUrl` cannot be secrets: name an algorithm of RS, PS, ES or EdDSA' },
    ]
  }
  return []
}
