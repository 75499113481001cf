/** Which headers say who calls. Used by the schema (to refuse) and by the policy. */
import { foldName } from '../../core/header-names.ts'
import type { IdentityHeadersOptions } from './schema.ts'

/** The names that are written unless the options say otherwise. */
const DEFAULTS = ['X-User-ID', 'X-Consumer-Name', 'X-Consumer-Groups', 'X-Credential-ID', 'X-Auth-Method']

/** RFC 9440: the client's certificate, which `client-certificate` writes where it is to. */
const CERTIFICATE_FIELDS = ['Client-Cert', 'Client-Cert-Chain']

/** The names that are written, as `foldName` gives them. */
export function foldedNames({ claims, ...fields }: IdentityHeadersOptions): readonly string[] {
  return [...Object.values(fields), ...Object.values(claims)].filter((name) => name !== false).map(foldName)
}

/**
 * The names that no client may send: those that are written, and those that are written where nothing is said. A service that is reached
 * over routes with different options must not believe in one what only the other writes.
 */
export function protectedNames(options: IdentityHeadersOptions): readonly string[] {
  return [...new Set([...[...DEFAULTS, ...CERTIFICATE_FIELDS].map(foldName), ...foldedNames(options)])]
}
