import { accessSync, closeSync, constants, ftruncateSync, openSync, statfsSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { SharedFile } from '../../core/store.ts'
import { layoutFor } from './layout.ts'
import { newHeader } from './memory.ts'

/** In memory where Linux has it; elsewhere the system writes it to the disk now and then, and nothing waits for that. */
const MEMORY_FOLDER = '/dev/shm'

interface OpenFile extends SharedFile {
  readonly fd: number
  readonly isNamed: boolean
}

/**
 * The files in which workers keep the states of limits together, made by the control process: one for each number of keys, since that
 * decides what it looks like. It is as long as this process and its workers have it open.
 */
export class SharedFiles {
  readonly #folder: () => string
  readonly #files = new Map<number, OpenFile>()

  /** @param folder one that only its owner may enter, where there is no `/dev/shm` with enough room */
  constructor(folder: () => string) {
    this.#folder = folder
  }

  /** The file for so many keys; made when it is not there. Throws when it cannot be made. */
  forKeys(keysMax: number): SharedFile {
    let file = this.#files.get(keysMax)
    if (file === undefined) {
      file = create(keysMax, this.#folder)
      this.#files.set(keysMax, file)
    }
    return { path: file.path }
  }

  /** Removes all but one; all for null. Workers that have mapped one keep it for as long as they need it. */
  keepOnly(keysMax: number | null): void {
    for (const [key, file] of this.#files) {
      if (key === keysMax) continue
      this.#files.delete(key)
      closeSync(file.fd)
      if (file.isNamed) remove(file.path)
    }
  }
}

function create(keysMax: number, fallback: () => string): OpenFile {
  const { bytes } = layoutFor(keysMax)
  const folder = hasRoom(MEMORY_FOLDER, bytes) ? MEMORY_FOLDER : fallback()
  const name = join(folder, `turnpike-limits-${crypto.randomUUID()}`)
  const fd = openSync(name, 'wx+', 0o600)
  try {
    writeSync(fd, newHeader(keysMax))
    // All zeros, and they take no room yet.
    ftruncateSync(fd, bytes)
  } catch (error) {
    closeSync(fd)
    remove(name)
    throw error
  }
  const path = `/proc/${process.pid}/fd/${fd}`
  if (!isReachable(path)) return { fd, path: name, isNamed: true }
  // Without a name nothing is left behind, however this process ends.
  remove(name)
  return { fd, path, isNamed: false }
}

function hasRoom(folder: string, bytes: number): boolean {
  try {
    accessSync(folder, constants.W_OK)
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize > bytes
  } catch {
    return false
  }
}

function isReachable(path: string): boolean {
  try {
    closeSync(openSync(path, 'r+'))
    return true
  } catch {
    return false
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Somebody cleaned up.
  }
}
