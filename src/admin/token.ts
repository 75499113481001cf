import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const TOKEN_BYTES = 32

/** Whether `Authorization: Bearer <token>` carries this token (RFC 6750, 2.1). Takes the same time wherever they differ. */
export function isAuthorized(authorization: string | undefined, token: string): boolean {
  const given = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1] ?? ''
  // Hashes have one length, so that not even the token's own is told.
  return token !== '' && timingSafeEqual(sha256(given), sha256(token))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/**
 * Makes a token and keeps it in `folder`, which only its owner may enter, for people on this machine to read.
 * @returns the token, the file, and what removes the file again.
 */
export function createTokenFile(folder: string, adminPort: number): { token: string; file: string; remove: () => void } {
  const token = randomBytes(TOKEN_BYTES).toString('base64url')
  const file = join(folder, `admin-${adminPort}.token`)
  // Written beside it and renamed: a reader never sees half a token, and a link planted under the name is replaced, not followed.
  const temporary = `${file}.${process.pid}`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, `${token}\n`, { mode: 0o600, flag: 'wx' })
  renameSync(temporary, file)
  return { token, file, remove: () => rmSync(file, { force: true }) }
}
