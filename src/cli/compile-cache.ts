import { enableCompileCache, constants as moduleConstants } from 'node:module'
import { join } from 'node:path'
import { runtimeFolder } from './runtime-folder.ts'

/**
 * Keeps compiled code for the next start, in a folder of our own: Node's default lies open in the temporary folder, where another user
 * could plant code. NODE_COMPILE_CACHE, where it is set, counts for more.
 * @returns the folder, or null when there can be none; a start is slower then.
 */
export function enableOwnCompileCache(env: Readonly<Record<string, string | undefined>>): string | null {
  try {
    const { status, directory } = enableCompileCache(join(runtimeFolder(env), 'compile-cache'))
    const { ENABLED, ALREADY_ENABLED } = moduleConstants.compileCacheStatus
    return status === ENABLED || status === ALREADY_ENABLED ? (directory ?? null) : null
  } catch {
    return null
  }
}
