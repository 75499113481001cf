import { createHash } from 'node:crypto'
import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Fragment } from '../core/config-source.ts'
import { membersOf } from '../core/members.ts'
import { makeStateFolder } from './state-folder.ts'

/** What a store held when the configuration made of it came into force. */
export interface KeptSource {
  /** Its address without credentials. */
  readonly name: string
  readonly fragments: readonly Fragment[]
}

export interface KeptConfig {
  /** Milliseconds since 1970. */
  readonly savedAtMs: number
  readonly sources: readonly KeptSource[]
}

const FORMAT = 1
/** All fragments, escaped as JSON. */
const BYTES_MAX = 100 * 2 ** 20

/**
 * The documents of stores that made up the configuration in force, on disk, for a start while a store is away. As they were written: what stands in
 * the environment or in files is not in it. A gateway with other sources has another file.
 */
export class LastGood {
  readonly file: string
  readonly #folder: string
  #saved: string | null = null
  #saving: Promise<void> = Promise.resolve()

  /** @param arguments_ what names the sources, files too; without credentials */
  constructor(folder: string, arguments_: readonly string[]) {
    const key = createHash('sha256').update(JSON.stringify(arguments_)).digest('hex').slice(0, 16)
    this.#folder = folder
    this.file = join(folder, `last-good-${key}.json`)
  }

  /** @returns null when there is none. Rejects when there is one that cannot or must not be read. */
  async read(): Promise<KeptConfig | null> {
    const stats = await stat(this.file).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
      throw error
    })
    if (stats === null) return null
    const uid = process.getuid?.() ?? stats.uid
    if (stats.uid !== uid || (process.platform !== 'win32' && (stats.mode & 0o022) !== 0))
      throw new Error(`${this.file} could have been written by another user`)
    if (stats.size > BYTES_MAX) throw new Error(`${this.file} is too large`)
    const kept = keptConfig(JSON.parse(await readFile(this.file, 'utf8')))
    if (kept === null) throw new Error(`${this.file} holds no configuration`)
    return kept
  }

  /** Replaces what was kept, whole or not at all; nothing is written when it is the same. Rejects when it cannot be written. */
  save(sources: readonly KeptSource[], nowMs: number): Promise<void> {
    const saving = this.#saving.then(() => this.#save(sources, nowMs))
    this.#saving = saving.catch(() => undefined)
    return saving
  }

  async #save(sources: readonly KeptSource[], savedAtMs: number): Promise<void> {
    const content = JSON.stringify(sources)
    if (content === this.#saved) return
    await makeStateFolder(this.#folder)
    const unfinished = `${this.file}.${process.pid}`
    try {
      const file = await open(unfinished, 'w', 0o600)
      try {
        await file.writeFile(JSON.stringify({ format: FORMAT, savedAtMs, sources }))
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(unfinished, this.file)
      this.#saved = content
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined)
      throw error
    }
  }
}

function keptConfig(json: unknown): KeptConfig | null {
  const { format, savedAtMs, sources } = membersOf(json)
  if (format !== FORMAT || typeof savedAtMs !== 'number' || !Array.isArray(sources)) return null
  return sources.every(isKeptSource) ? { savedAtMs, sources } : null
}

function isKeptSource(value: unknown): value is KeptSource {
  const { name, fragments } = membersOf(value)
  return typeof name === 'string' && Array.isArray(fragments) && fragments.every(isFragment)
}

function isFragment(value: unknown): value is Fragment {
  const { name, text } = membersOf(value)
  return typeof name === 'string' && typeof text === 'string'
}
