import type { CompactVerifyResult } from 'jose'
import type { BoundKey } from './keys.ts'
import type { Token } from './token.ts'

type Verify = (jws: string, key: BoundKey['key'], options: { algorithms: string[] }) => Promise<CompactVerifyResult>

let verifier: Verify | null = null

/** Loads the library that checks signatures; once, before the first policy is compiled. */
export async function loadVerifier(): Promise<void> {
  if (verifier !== null) return
  const { compactVerify } = await import('jose')
  verifier = compactVerify
}

/** Whether a key made the signature of a token. Rejects only for what is our fault. */
export async function hasSigned({ key, algorithms }: BoundKey, { text, algorithm }: Token): Promise<boolean> {
  if (verifier === null) throw new Error('jwt: the verifier is not loaded')
  // The library is told what we have chosen by the key; it does not choose by the token.
  if (!algorithms.has(algorithm)) return false
  try {
    await verifier(text, key, { algorithms: [algorithm] })
    return true
  } catch (error) {
    // Every fault the library finds in the token itself; not one in our use of it.
    if (error instanceof Error && 'code' in error && typeof error.code === 'string' && /^ERR_(JWS|JOSE)_/.test(error.code)) return false
    throw error
  }
}
