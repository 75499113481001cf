import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * The folder for what a running gateway keeps on this machine (its admin token, compiled code): `turnpike-<uid>` below
 * XDG_RUNTIME_DIR or the temporary folder, made when it is missing, open to its owner only.
 * @throws with a sentence when it cannot be made, or when someone else's folder has that name: what lies in it could be planted.
 */
export function runtimeFolder(env: Readonly<Record<string, string | undefined>>): string {
  const uid = process.getuid?.() ?? 0
  const folder = join(env['XDG_RUNTIME_DIR'] || tmpdir(), `turnpike-${uid}`)
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  const stats = lstatSync(folder)
  if (!stats.isDirectory()) throw new Error(`${folder} is no folder`)
  if (process.getuid !== undefined && stats.uid !== uid) throw new Error(`${folder} belongs to another user`)
  if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) throw new Error(`${folder} is open to other users: chmod 700 it`)
  return folder
}
