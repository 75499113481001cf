/** Which headers say who calls. Used by the schema (to refuse) and by the policy. */
import { foldName } from '../../core/header-names.ts'
import type { IdentityHeadersOptions } from './schema.ts'

/**
 * What no client may send, beside what is written: the names that are written where nothing is said, since a service that is reached over
 * routes with different options must not believe in one what only the other writes; and the client's certificate (RFC 9440), which
 * `client-certificate` writes where it is to.
 */
export const CLEARED = [
  'X-User-ID',
  'X-Consumer-Name',
  'X-Consumer-Groups',
  'X-Credential-ID',
  'X-Auth-Method',
  'Client-Cert',
  'Client-Cert-Chain',
] as const

/** The names that are written, as `foldName` gives them. */
export function foldedNames(options: Omit<IdentityHeadersOptions, 'cleared' | 'encoding' | 'separator'>): readonly string[] {
  const { subject, consumer, consumerId, groups, credential, credentialName, anonymous, method, roles, permissions, labels, claims } =
    options
  const fields = [subject, consumer, consumerId, groups, credential, credentialName, anonymous, method, roles, permissions]
  return [...fields, ...Object.values(labels), ...Object.values(claims)].filter((name) => name !== false).map(foldName)
}

/** The names that no client may send. */
export function protectedNames(options: IdentityHeadersOptions): readonly string[] {
  return [...new Set([...options.cleared.map(foldName), ...foldedNames(options)])]
}
