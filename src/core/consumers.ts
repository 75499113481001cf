import type { Consumer } from './caller.ts'
import type { PasswordCost } from './password-hash.ts'

export const API_KEY_CHARS_MAX = 4_096

interface CredentialBase {
  /** Names the credential in headers, logs and records. */
  readonly id: string
  /** Milliseconds since 1970 from which on it holds; null for always. */
  readonly notBeforeMs: number | null
  /** Milliseconds since 1970 from which on it does not hold any more; null for never. Two that overlap make a rotation. */
  readonly expiresAtMs: number | null
}

/** An API key, of which only the digest is kept. */
export interface KeyCredential extends CredentialBase {
  readonly kind: 'key'
  /** SHA-256 of the key's UTF-8 bytes, 64 hexadecimal digits in lower case. */
  readonly digest: string
}

export interface BasicCredential extends CredentialBase {
  readonly kind: 'basic'
  readonly username: string
  /** A form that `parsePasswordHash` reads. */
  readonly passwordHash: string
}

/** A shared secret to sign with. It has to be readable: an HMAC cannot be checked against a hash. */
export interface HmacCredential extends CredentialBase {
  readonly kind: 'hmac'
  readonly keyId: string
  readonly secret: string
}

/** A key that a consumer signs its own tokens with. */
export interface JwtCredential extends CredentialBase {
  readonly kind: 'jwt'
  /** What the token's key claim (`iss` unless the policy says otherwise) holds. */
  readonly key: string
  readonly algorithm: string
  /** The secret for HS algorithms, otherwise a public key in PEM. */
  readonly secret: string
}

/** A client certificate, by one of the things that it says. Only what is said by one that was verified counts. */
export interface CertificateCredential extends CredentialBase {
  readonly kind: 'certificate'
  readonly by: CertificateMark
  /** 64 hexadecimal digits in lower case; a name by `formatDistinguishedName`; or one by `normalAlternativeName`. */
  readonly value: string
}

/** What a certificate is known by. */
export type CertificateMark = 'fingerprint' | 'subject' | 'san'

export type Credential = KeyCredential | BasicCredential | HmacCredential | JwtCredential | CertificateCredential

/** A credential that was found, and whose it is. */
export interface Owned<C extends Credential = Credential> {
  readonly consumer: Consumer
  readonly credential: C
}

/** Every consumer and credential of a configuration. Looking one up says nothing about its validity in time: see {@link isInForce}. */
export interface ConsumerDirectory {
  /** @param digest SHA-256 of the key as 64 hexadecimal digits in lower case */
  byKeyDigest(digest: string): Owned<KeyCredential> | undefined
  byUsername(username: string): readonly Owned<BasicCredential>[]
  byHmacKeyId(keyId: string): readonly Owned<HmacCredential>[]
  byJwtKey(key: string): readonly Owned<JwtCredential>[]
  byCertificate(by: CertificateMark, value: string): Owned<CertificateCredential> | undefined
  byName(name: string): Consumer | undefined
  /** Every cost that passwords are hashed with, so that a name that nobody has can cost what another does. */
  readonly passwordCosts: readonly PasswordCost[]
}

/** @param epochMs milliseconds since 1970 */
export function isInForce({ notBeforeMs, expiresAtMs }: CredentialBase, epochMs: number): boolean {
  return (notBeforeMs === null || epochMs >= notBeforeMs) && (expiresAtMs === null || epochMs < expiresAtMs)
}
