import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * The folder for what has to be there after a restart of the machine: the one that is given (`--state-dir`), TURNPIKE_STATE_DIR, the one that
 * systemd makes for a unit with `StateDirectory=`, `/var/lib/turnpike` for root, or `turnpike` below XDG_STATE_HOME or `~/.local/state`.
 */
export function stateFolderName(given: string | null, env: Readonly<Record<string, string | undefined>>): string {
  // systemd may name several, one after the other with a colon in between.
  const named = given ?? (env['TURNPIKE_STATE_DIR'] || env['STATE_DIRECTORY']?.split(':')[0] || '')
  if (named !== '') return named
  if (process.getuid?.() === 0) return '/var/lib/turnpike'
  return join(env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state'), 'turnpike')
}

/** Makes it when it is missing, open to its owner only. Rejects when it cannot be made. */
export async function makeStateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
}
