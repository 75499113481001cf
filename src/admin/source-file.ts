/** The file that a gateway was started from, as something to be written. */
import { access, constants, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import { reasonOf } from '../config/secret.ts'

const WRITABLE: ReadonlySet<string> = new Set(['.yaml', '.yml', '.json'])

/** @returns the file behind links, or why there is none that could be written. @param sources as the command line names them */
export async function writableSource(sources: readonly string[]): Promise<{ readonly file: string } | { readonly reason: string }> {
  const [source, ...others] = sources
  if (source === undefined || others.length > 0)
    return { reason: 'The gateway was started from several sources: which of them to change is not known.' }
  if (/^[a-z][a-z0-9+]*:\/\//.test(source)) return { reason: 'The configuration is in a store: change it there.' }
  if (!WRITABLE.has(extname(source).toLowerCase()))
    return { reason: 'The configuration is made by a program, not written in YAML or JSON.' }
  try {
    const file = await realpath(source)
    await access(file, constants.W_OK)
    await access(dirname(file), constants.W_OK)
    return { file }
  } catch (error) {
    return { reason: `The file of the configuration cannot be written: ${reasonOf(error)}.` }
  }
}

/** What was written, and how to take it back. */
export interface Replaced {
  /** Holds what was there before. */
  readonly backup: string
  readonly undo: () => Promise<void>
}

/**
 * Puts a text in place of a file's, which is kept beside it with `.bak`: at any time, also after a fault, the file holds all of the old text or all of
 * the new one.
 * @param mayGoOn asked at the last moment. @returns null when it said no
 */
export async function replaceFile(file: string, text: string, mayGoOn: () => boolean): Promise<Replaced | null> {
  const before = await readFile(file)
  const backup = `${file}.bak`
  await writeAtomically(backup, before, file)
  if (!mayGoOn()) return null
  await writeAtomically(file, text, file)
  return { backup, undo: () => writeAtomically(file, before, file) }
}

/** @param like a file whose mode and owner it gets */
async function writeAtomically(file: string, content: string | Buffer, like: string): Promise<void> {
  const { mode, uid, gid } = await stat(like)
  const temporary = `${file}.${process.pid}.new`
  await rm(temporary, { force: true })
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(content)
      if (uid !== process.getuid?.() || gid !== process.getgid?.()) await handle.chown(uid, gid).catch(() => {})
      await handle.chmod(mode & 0o777)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
