/** Consumers for tests of policies. */
import { hash } from 'node:crypto'
import { systemClock } from '../core/clock.ts'
import type {
  BasicCredential,
  CertificateCredential,
  ConsumerDirectory,
  Credential,
  HmacCredential,
  JwtCredential,
  KeyCredential,
  Owned,
} from '../core/consumers.ts'
import { passwordCostOf } from '../core/password-hash.ts'
import { contextWith } from './testing.ts'

/** Credentials by the name of the consumer. */
export type TestConsumers = Readonly<Record<string, readonly Credential[]>>

/** The first moment of 2026. */
export const START = Date.UTC(2026, 0, 1)

export function directoryOf(consumers: TestConsumers): ConsumerDirectory {
  const all = Object.entries(consumers).flatMap(([name, credentials]) =>
    credentials.map((credential) => ({ consumer: { name, groups: [], hasPolicies: false }, credential })),
  )
  const found = <C extends Credential>(is: (credential: Credential) => credential is C): Owned<C>[] =>
    all.flatMap(({ consumer, credential }) => (is(credential) ? [{ consumer, credential }] : []))
  return {
    byKeyDigest: (digest) => found((one): one is KeyCredential => one.kind === 'key' && one.digest === digest)[0],
    byUsername: (name) => found((one): one is BasicCredential => one.kind === 'basic' && one.username === name),
    byHmacKeyId: (keyId) => found((one): one is HmacCredential => one.kind === 'hmac' && one.keyId === keyId),
    byJwtKey: (key) => found((one): one is JwtCredential => one.kind === 'jwt' && one.key === key),
    byCertificate: (by, value) =>
      found((one): one is CertificateCredential => one.kind === 'certificate' && one.by === by && one.value === value)[0],
    byName: (name) => (Object.hasOwn(consumers, name) ? { name, groups: [], hasPolicies: false } : undefined),
    passwordCosts: found((one): one is BasicCredential => one.kind === 'basic').flatMap(
      ({ credential }) => passwordCostOf(credential.passwordHash) ?? [],
    ),
  }
}

/** A context with these consumers, at a time that the test moves. */
export function contextOf(consumers: TestConsumers) {
  const time = { epochMs: START, now: 0 }
  const clock = { ...systemClock, epochMs: () => time.epochMs, now: () => time.now }
  return { time, context: contextWith({ clock, consumers: directoryOf(consumers) }) }
}

export type Period = Partial<Pick<Credential, 'id' | 'notBeforeMs' | 'expiresAtMs'>>

export function keyOf(key: string, period: Period = {}): KeyCredential {
  return { kind: 'key', id: 'key-1', notBeforeMs: null, expiresAtMs: null, ...period, digest: hash('sha256', key) }
}
