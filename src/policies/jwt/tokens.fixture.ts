/** Tokens and what is around them, for the tests of this policy. */
import assert from 'node:assert/strict'
import { type CryptoKey, type GenerateKeyPairOptions, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { systemClock } from '../../core/clock.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { CompileContext, PolicySteps, Verdict } from '../../core/policy.ts'
import { compilePolicy, contextWith, exchangeOf } from '../testing.ts'
import { jwt } from './policy.ts'

/** Second of the tests' epoch at which all begins. */
export const START = 1_800_000_000

/** Time that a test moves. Both clocks go together. */
export class TestTime {
  ms = 0

  readonly clock = { ...systemClock, now: () => this.ms, epochMs: () => START * 1_000 + this.ms }

  /** @param seconds to go on by */
  pass(seconds: number): void {
    this.ms += seconds * 1_000
  }
}

export const SECRET = 'a secret that is long enough for HS256'
export const secretBytes = (secret: string): Uint8Array => new TextEncoder().encode(secret)

export interface TokenShape {
  readonly claims?: JWTPayload
  readonly header?: Readonly<Record<string, unknown>>
  readonly algorithm?: string
  readonly key?: CryptoKey | Uint8Array
}

/** A good token of user 42 that is valid for a minute, but for what is said. `undefined` removes a claim. */
export async function tokenOf({
  claims = {},
  header = {},
  algorithm = 'HS256',
  key = secretBytes(SECRET),
}: TokenShape = {}): Promise<string> {
  const payload: JWTPayload = { sub: '42', exp: START + 60, ...claims }
  return new SignJWT(payload).setProtectedHeader({ alg: algorithm, ...header }).sign(key)
}

/** A token of these very texts, signed with {@link SECRET} by HS256 whatever the header says. */
export async function rawToken(header: string, claims: string): Promise<string> {
  const input = `${base64url(header)}.${base64url(claims)}`
  const key = await crypto.subtle.importKey('raw', secretBytes(SECRET).slice(), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const signature = await crypto.subtle.sign('HMAC', key, Buffer.from(input))
  return `${input}.${Buffer.from(signature).toString('base64url')}`
}

export function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}

export interface Pair {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
}

export async function pairOf(algorithm: string, options: GenerateKeyPairOptions = {}): Promise<Pair> {
  return generateKeyPair(algorithm, { extractable: true, ...options })
}

export async function compileJwt(options: unknown, parts: Partial<CompileContext> = {}): Promise<PolicySteps> {
  return compilePolicy(jwt, options, contextWith({ clock: new TestTime().clock, ...parts }))
}

export function bearing(token: string): Exchange {
  return exchangeOf({ headers: [['Authorization', `Bearer ${token}`]] })
}

export async function verdictOf(steps: PolicySteps, exchange: Exchange): Promise<Verdict> {
  return steps.onRequest?.(exchange)
}

/** What becomes of a token: `passed`, or the code of the refusal. A refused one leaves no caller. */
export async function outcomeOf(steps: PolicySteps, token: string): Promise<string> {
  const exchange = bearing(token)
  const verdict = await verdictOf(steps, exchange)
  assert.equal(exchange.caller.isKnown, verdict === undefined)
  return verdict === undefined ? 'passed' : (verdict.code ?? String(verdict.status))
}

/** `error_description` of a refusal, or empty. */
export function descriptionOf(verdict: Verdict): string {
  return /error_description="([^"]*)"/.exec(verdict?.headers[0]?.[1] ?? '')?.[1] ?? ''
}

export async function whyRefused(steps: PolicySteps, token: string): Promise<string> {
  const verdict = await verdictOf(steps, bearing(token))
  assert.equal(verdict?.code, 'token_invalid')
  return descriptionOf(verdict)
}
