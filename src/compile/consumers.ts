import type { ConsumerIr } from '../config/ir.ts'
import type { Consumer } from '../core/caller.ts'
import type {
  BasicCredential,
  CertificateCredential,
  ConsumerDirectory,
  HmacCredential,
  JwtCredential,
  KeyCredential,
  Owned,
} from '../core/consumers.ts'
import { type PasswordCost, passwordCostOf } from '../core/password-hash.ts'

/** Makes the directory of consumers: what authentication looks credentials up in. */
export function compileConsumers(irs: readonly ConsumerIr[]): ConsumerDirectory {
  const consumers = new Map<string, Consumer>()
  const keys = new Map<string, Owned<KeyCredential>>()
  const usernames = new Map<string, Owned<BasicCredential>[]>()
  const hmacKeyIds = new Map<string, Owned<HmacCredential>[]>()
  const jwtKeys = new Map<string, Owned<JwtCredential>[]>()
  const certificates = new Map<string, Owned<CertificateCredential>>()
  const costs = new Map<string, PasswordCost>()
  for (const { name, id, labels, groups, credentials, policies, routes } of irs) {
    const consumer: Consumer = {
      name,
      groups,
      ...(id !== null && { id }),
      ...(labels !== null && { labels }),
      hasPolicies: policies.length > 0 || routes.length > 0,
    }
    consumers.set(name, consumer)
    for (const credential of credentials) {
      switch (credential.kind) {
        case 'key':
          keys.set(credential.digest, { consumer, credential })
          break
        case 'basic':
          push(usernames, credential.username, { consumer, credential })
          addCost(costs, credential)
          break
        case 'hmac':
          push(hmacKeyIds, credential.keyId, { consumer, credential })
          break
        case 'jwt':
          push(jwtKeys, credential.key, { consumer, credential })
          break
        case 'certificate':
          certificates.set(`${credential.by} ${credential.value}`, { consumer, credential })
          break
      }
    }
  }
  return {
    byKeyDigest: (digest) => keys.get(digest),
    byUsername: (username) => usernames.get(username) ?? NONE,
    byHmacKeyId: (keyId) => hmacKeyIds.get(keyId) ?? NONE,
    byJwtKey: (key) => jwtKeys.get(key) ?? NONE,
    byCertificate: (by, value) => certificates.get(`${by} ${value}`),
    byName: (name) => consumers.get(name),
    passwordCosts: [...costs.values()],
  }
}

const NONE: readonly never[] = []

function addCost(costs: Map<string, PasswordCost>, { passwordHash }: BasicCredential): void {
  const cost = passwordCostOf(passwordHash)
  if (cost !== null) costs.set(JSON.stringify(cost), cost)
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
