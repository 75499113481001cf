import { createHash } from 'node:crypto'
import { type FSWatcher, realpathSync, statSync, watch } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

export interface FileWatcherOptions {
  /** Called when the content of a file has changed, never twice at the same time. */
  readonly onChange: () => void | Promise<void>
  /** Wait after the last sign of a change, so that a file is not read half written; 100 ms by default. */
  readonly debounceMs?: number
  /** Files are looked at this often even without a sign, for file systems that give none (NFS); 30 s by default. */
  readonly pollMs?: number
}

const DEBOUNCE_MS = 100
/** A file beside ours that is written all the time (a log) must not put the look off for ever. */
const DEBOUNCE_MAX_MS = 1_000
const POLL_MS = 30_000
const FILE_BYTES_MAX = 10 * 2 ** 20

/**
 * Tells when files change.
 *
 * It watches the folders that hold them, not the files: an editor puts a new file in the place of the old one, and Kubernetes swaps
 * the symbolic link `..data` beside the file; a watcher on the file would go on looking at what was removed. Signs are only hints:
 * what counts is the hash of the content.
 */
export class FileWatcher {
  readonly #options: FileWatcherOptions
  readonly #folders = new Map<string, WatchedFolder>()
  /** What is known of each file's content. */
  #fingerprints: ReadonlyMap<string, string> = new Map()
  #debounce: NodeJS.Timeout | null = null
  #firstSignAt = 0
  readonly #poll: NodeJS.Timeout
  #checking: Promise<void> | null = null
  #checkAgain = false
  #closed = false

  constructor(options: FileWatcherOptions) {
    this.#options = options
    this.#poll = setInterval(() => void this.check(), options.pollMs ?? POLL_MS).unref()
  }

  /**
   * Watches these files from now on, instead of those before. What new ones hold now counts as known; of those that were watched
   * before, a change since the last look is still told.
   */
  async setFiles(files: readonly string[]): Promise<void> {
    const known = this.#fingerprints
    const fingerprints = new Map<string, string>()
    for (const file of files.map((file) => resolve(file))) fingerprints.set(file, known.get(file) ?? (await fingerprintOf(file)))
    if (this.#closed) return
    this.#fingerprints = fingerprints
    this.#watchFolders()
  }

  /** Looks now, and calls `onChange` when the content is not what it was. */
  check(): Promise<void> {
    if (this.#checking !== null) {
      this.#checkAgain = true
      return this.#checking
    }
    const checking = this.#checkAll()
    this.#checking = checking
    return checking
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#poll)
    if (this.#debounce !== null) clearTimeout(this.#debounce)
    for (const { watcher } of this.#folders.values()) watcher.close()
    this.#folders.clear()
  }

  async #checkAll(): Promise<void> {
    try {
      do {
        this.#checkAgain = false
        this.#watchFolders()
        if (await this.#hasChanged()) await this.#options.onChange()
      } while (this.#checkAgain && !this.#closed)
    } finally {
      // In the same turn as the last look at `checkAgain`: a call in between would go unheard.
      this.#checking = null
    }
  }

  async #hasChanged(): Promise<boolean> {
    const fingerprints = new Map<string, string>()
    let changed = false
    for (const [file, before] of this.#fingerprints) {
      const now = await fingerprintOf(file)
      fingerprints.set(file, now)
      changed ||= now !== before
    }
    this.#fingerprints = fingerprints
    return changed && !this.#closed
  }

  /** Watches what is to be watched and is not yet; a folder that was removed and made again is another one. */
  #watchFolders(): void {
    if (this.#closed) return
    const wanted = new Set([...this.#fingerprints.keys()].flatMap(foldersOf))
    for (const [folder, { watcher, inode }] of this.#folders) {
      if (wanted.has(folder) && inodeOf(folder) === inode) continue
      watcher.close()
      this.#folders.delete(folder)
    }
    for (const folder of wanted) if (!this.#folders.has(folder)) this.#watchFolder(folder)
  }

  #watchFolder(folder: string): void {
    const inode = inodeOf(folder)
    if (inode === null) return
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#onSign())
      watcher.on('error', () => watcher.close())
      this.#folders.set(folder, { watcher, inode })
    } catch {
      // The system has no watches left, say: the poll goes on alone.
    }
  }

  #onSign(): void {
    if (this.#closed) return
    if (this.#debounce === null) {
      this.#firstSignAt = performance.now()
      this.#debounce = setTimeout(() => {
        this.#debounce = null
        void this.check()
      }, this.#options.debounceMs ?? DEBOUNCE_MS)
    } else if (performance.now() - this.#firstSignAt < DEBOUNCE_MAX_MS) {
      this.#debounce.refresh()
    }
  }
}

interface WatchedFolder {
  readonly watcher: FSWatcher
  readonly inode: bigint
}

/** The folder of the name, and that of the file it stands for when it is a symbolic link. */
function foldersOf(file: string): string[] {
  try {
    return [dirname(file), dirname(realpathSync(file))]
  } catch {
    return [dirname(file)]
  }
}

function inodeOf(folder: string): bigint | null {
  return statSync(folder, { bigint: true, throwIfNoEntry: false })?.ino ?? null
}

/** The hash of the content. Of what is no plain file, or too large to be a configuration, size and time must do. */
async function fingerprintOf(file: string): Promise<string> {
  try {
    const stats = await stat(file)
    const { size, mtimeMs } = stats
    if (!stats.isFile() || size > FILE_BYTES_MAX) return `${size} bytes at ${mtimeMs}`
    const content = await readFile(file)
    return createHash('sha256').update(content).digest('hex')
  } catch (error) {
    return `unreadable: ${error instanceof Error && 'code' in error ? String(error.code) : ''}`
  }
}
