/** Passwords as they are kept: scrypt (RFC 7914), with its cost and salt beside it; and salted SHA-1, where another gateway has left nothing better. */
import { createHash, scrypt } from 'node:crypto'

/** What a hash costs: memory is 128 · cost · blockSize bytes, time grows with all three. */
export interface ScryptCost {
  /** N: a power of two. */
  readonly cost: number
  /** r */
  readonly blockSize: number
  /** p */
  readonly parallelization: number
}

export interface PasswordHash extends ScryptCost {
  readonly salt: Buffer
  readonly digest: Buffer
}

/** SHA-1 of the password with the salt behind it. Who gets hold of it finds the password by trying: only to carry over what is there. */
export interface SaltedSha1 {
  readonly salt: string
  readonly digest: Buffer
}

/** What a check of a password costs. */
export type PasswordCost = ScryptCost | 'sha1'

/** For hashes made by `turnpike hash`: 16 MiB, some 40 ms. */
export const STRONG_COST: ScryptCost = { cost: 16_384, blockSize: 8, parallelization: 1 }
/** For passwords that stand in the configuration itself, where the hash hides nothing from who can read that: 4 MiB, some 10 ms at each load. */
export const LOAD_COST: ScryptCost = { cost: 4_096, blockSize: 8, parallelization: 1 }

export const PASSWORD_CHARS_MAX = 1_024

/** A check costs at most eight times what {@link STRONG_COST} does, and half of that at most in memory. */
const WORK_MAX = 2 ** 20
const MEMORY_BYTES_MAX = 64 * 2 ** 20
const COST_MIN = 1_024
const DIGEST_BYTES = 32

const FORM = /^scrypt:(\d{1,8}):(\d{1,3}):(\d{1,3}):([A-Za-z0-9_-]{11,171}):([A-Za-z0-9_-]{22,86})$/

/** Reads `scrypt:N:r:p:salt:hash`, salt and hash in base64url; null for another form, or a cost that would be too little or too much. */
export function parsePasswordHash(text: string): PasswordHash | null {
  const [, cost, blockSize, parallelization, salt, digest] = FORM.exec(text) ?? []
  if (salt === undefined || digest === undefined) return null
  const found = { cost: Number(cost), blockSize: Number(blockSize), parallelization: Number(parallelization) }
  return isAffordable(found) ? { ...found, salt: Buffer.from(salt, 'base64url'), digest: Buffer.from(digest, 'base64url') } : null
}

const SHA1_FORM = /^sha1:([A-Za-z0-9_-]{1,64}):([0-9a-f]{40})$/

/** Reads `sha1:salt:hash`, the hash in hexadecimal; null for another form. */
export function parseSaltedSha1(text: string): SaltedSha1 | null {
  const [, salt, digest] = SHA1_FORM.exec(text) ?? []
  return salt === undefined || digest === undefined ? null : { salt, digest: Buffer.from(digest, 'hex') }
}

export function sha1Digest(password: string, salt: string): Buffer {
  return createHash('sha1').update(password).update(salt).digest()
}

/** What a check against a hash costs; null where it has none of the forms. */
export function passwordCostOf(passwordHash: string): PasswordCost | null {
  if (parseSaltedSha1(passwordHash) !== null) return 'sha1'
  const parsed = parsePasswordHash(passwordHash)
  if (parsed === null) return null
  const { cost, blockSize, parallelization } = parsed
  return { cost, blockSize, parallelization }
}

function isAffordable({ cost, blockSize, parallelization }: ScryptCost): boolean {
  if (cost < COST_MIN || !Number.isInteger(Math.log2(cost)) || blockSize < 1 || parallelization < 1) return false
  return cost * blockSize * parallelization <= WORK_MAX && memoryOf({ cost, blockSize, parallelization }) <= MEMORY_BYTES_MAX
}

function memoryOf({ cost, blockSize, parallelization }: ScryptCost): number {
  return 128 * blockSize * (cost + parallelization + 2)
}

/** Hashes in the thread pool. The password is taken in its composed form (NFC), as RFC 7617, 2.1 wants it from clients. */
export function scryptDigest(password: string, salt: Buffer, cost: ScryptCost, bytes: number = DIGEST_BYTES): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const { cost: N, blockSize: r, parallelization: p } = cost
    const done = (error: Error | null, digest: Buffer): void => {
      if (error === null) resolve(digest)
      else reject(error)
    }
    scrypt(password.normalize('NFC'), salt, bytes, { N, r, p, maxmem: memoryOf(cost) + 2 ** 20 }, done)
  })
}

/** The form that {@link parsePasswordHash} reads. */
export async function hashPassword(password: string, salt: Buffer, cost: ScryptCost): Promise<string> {
  const digest = await scryptDigest(password, salt, cost)
  return `${costText(cost)}:${salt.toString('base64url')}:${digest.toString('base64url')}`
}

function costText({ cost, blockSize, parallelization }: ScryptCost): string {
  return `scrypt:${cost}:${blockSize}:${parallelization}`
}
