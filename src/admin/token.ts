import { randomBytes } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const TOKEN_BYTES = 32

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
