/** Kong's consumers and their credentials in the native form: `reference/kong-semantics.md` 2.7. */
import { createHash } from 'node:crypto'
import { isAlgorithm } from '../../../core/jwt-algorithms.ts'
import { jwtKeyProblem } from '../../jwt-keys.ts'
import { nodeAt } from '../../tree.ts'
import { nodeOf } from './nodes.ts'
import type { Notes } from './notes.ts'
import type { ConsumerEntity, Entity, FidelityRules, KongDocument, Written } from './types.ts'

export const CREDENTIAL_RULES = {
  'key#generated': {
    fidelity: 'approximated',
    reason: 'Kong makes up a key that nobody knows yet, and another at each start: the credential is left out',
  },
  'secret#generated': {
    fidelity: 'approximated',
    reason: 'Kong makes up a secret that nobody knows yet, and another at each start: the credential is left out',
  },
  'rsa_public_key#absent': {
    fidelity: 'approximated',
    reason:
      'without a public key no token can be verified: the credential is left out, and Kong says `Invalid key/secret` where we know no key',
  },
  'password#sha1': {
    fidelity: 'approximated',
    reason:
      'with `_transform: false` passwords are there as salted SHA-1 only: they work, but who reads the file finds them by trying; put a `passwordHash` of `turnpike hash password` in their place',
  },
  'password#malformed': {
    fidelity: 'approximated',
    reason: 'with `_transform: false` it has to be a SHA-1 in hexadecimal; nobody can log in with another: the credential is left out',
  },
} as const satisfies FidelityRules

/** The labels that Kong's names of a consumer become. */
export const USERNAME_LABEL = 'username'
export const CUSTOM_ID_LABEL = 'customId'

/** Notes what holds for all consumers together. */
export function noteCredentials({ isPlain, consumers }: KongDocument, notes: Notes): void {
  const [first] = consumers.flatMap(({ credentials }) => credentials.basicAuth)
  if (!isPlain && first !== undefined) notes.note('basicauth_credentials', CREDENTIAL_RULES, 'password#sha1', first.locate(['password']))
}

/** What is written in the consumer's block. */
export function nativeConsumer(
  consumer: ConsumerEntity,
  { isPlain }: KongDocument,
  notes: Notes,
): Readonly<Record<string, Written | undefined>> {
  const { username, customId } = consumer.fields
  const { keyAuth, basicAuth, hmacAuth, jwt, acls } = consumer.credentials
  return {
    id: consumer.id,
    labels: {
      ...(username !== null && { [USERNAME_LABEL]: nodeOf(username, consumer.locate(['username'])) }),
      ...(customId !== null && { [CUSTOM_ID_LABEL]: nodeOf(customId, consumer.locate(['custom_id'])) }),
    },
    groups: filled(acls.map((acl) => nodeOf(acl.fields.group, acl.locate(['group'])))),
    keys: filled(keyAuth.flatMap((entity) => keyOf(entity, notes))),
    basic: filled(basicAuth.flatMap((entity) => basicOf(entity, isPlain ? null : consumer.id, notes))),
    hmac: filled(hmacAuth.flatMap((entity) => hmacOf(entity, notes))),
    jwt: filled(jwt.flatMap((entity) => jwtOf(entity, notes))),
  }
}

type Credentials = ConsumerEntity['credentials']

/** A key that holds for longer than its owner was told is worse than none. */
export const TTL_ADVICE =
  'keys have no lifetime that begins with the start of the gateway: take it out, or give the key an end natively, `expires`'

/** Keys that the native form takes as they are: those that can be sent in a header. */
const SENDABLE = /^[\x21-\x7e]{1,4096}$/

function keyOf(entity: Credentials['keyAuth'][number], notes: Notes): readonly Written[] {
  const { key } = entity.fields
  if (key === '') return leftOut(entity, 'key#generated', notes)
  const ttl = nodeAt(entity.node, ['ttl'])
  if (ttl?.kind === 'scalar' && typeof ttl.value === 'number' && ttl.value > 0) notes.unsupported(entity.label, 'ttl', ttl.at, TTL_ADVICE)
  if (SENDABLE.test(key)) return [credential(entity, { key: written(entity, 'key', key) })]
  const hash = `sha256:${createHash('sha256').update(key).digest('hex')}`
  return [credential(entity, { hash: nodeOf(hash, entity.locate(['key'])) })]
}

/** @param salt of hashes; null where passwords are plain */
function basicOf(entity: Credentials['basicAuth'][number], salt: string | null, notes: Notes): readonly Written[] {
  const { username, password } = entity.fields
  const login = { username: written(entity, 'username', username) }
  if (salt === null) return [credential(entity, { ...login, password: written(entity, 'password', password) })]
  if (!/^[0-9A-Fa-f]{40}$/.test(password)) return leftOut(entity, 'password#malformed', notes)
  // Of the password with the consumer's id behind it.
  const passwordHash = nodeOf(`sha1:${salt}:${password.toLowerCase()}`, entity.locate(['password']))
  return [credential(entity, { ...login, passwordHash })]
}

function hmacOf(entity: Credentials['hmacAuth'][number], notes: Notes): readonly Written[] {
  const { username, secret } = entity.fields
  if (secret === '') return leftOut(entity, 'secret#generated', notes)
  return [credential(entity, { keyId: written(entity, 'username', username), secret: written(entity, 'secret', secret) })]
}

function jwtOf(entity: Credentials['jwt'][number], notes: Notes): readonly Written[] {
  const { key, secret, algorithm, rsaPublicKey } = entity.fields
  if (key === '') return leftOut(entity, 'key#generated', notes)
  const named = { key: written(entity, 'key', key), algorithm: written(entity, 'algorithm', algorithm) }
  if (algorithm.startsWith('HS')) {
    if (secret === null) return leftOut(entity, 'secret#generated', notes)
    return [credential(entity, { ...named, secret: written(entity, 'secret', secret) })]
  }
  if (rsaPublicKey === null) return leftOut(entity, 'rsa_public_key#absent', notes)
  const problem = isAlgorithm(algorithm) ? jwtKeyProblem({ algorithm, publicKey: rsaPublicKey }) : null
  if (problem !== null) {
    notes.unsupported(entity.label, 'rsa_public_key', entity.locate(['rsa_public_key']), problem.message)
    return []
  }
  return [credential(entity, { ...named, publicKey: written(entity, 'rsa_public_key', rsaPublicKey) })]
}

function credential(entity: Entity<unknown>, fields: Readonly<Record<string, Written>>): Written {
  return nodeOf({ ...fields, id: entity.id }, entity.at)
}

/** The value where it stands in the file; what is there by default stands at the entity. */
function written(entity: Entity<unknown>, field: string, value: string): Written {
  return nodeAt(entity.node, [field]) ?? value
}

function leftOut(entity: Entity<unknown>, rule: keyof typeof CREDENTIAL_RULES, notes: Notes): readonly Written[] {
  notes.note(entity.label, CREDENTIAL_RULES, rule, entity.at)
  return []
}

function filled(items: readonly Written[]): readonly Written[] | undefined {
  return items.length === 0 ? undefined : items
}
