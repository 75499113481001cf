import { systemClock } from '../core/clock.ts'
import type { Logger, Metrics } from '../core/observe.ts'
import { sentenceOf } from '../runtime/control-protocol.ts'
import { FileWatcher } from '../runtime/watcher.ts'
import { type LoadedConfig, loadDocuments, type SourceDocuments } from './config-source.ts'
import { type KeptConfig, type KeptSource, LastGood } from './last-good.ts'
import { RemoteSources } from './remote-sources.ts'
import { stateFolderName } from './state-folder.ts'

export interface ConfigurationOptions {
  /** Files, and addresses of stores. */
  readonly sources: readonly string[]
  /** Where documents of stores are kept; null for the usual folder. */
  readonly stateDir: string | null
  /** See `LoadOptions.skipUnsupported`. */
  readonly skipUnsupported: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
  readonly metrics: Metrics
  /** There may be something new to load. */
  readonly onChange: (cause: string) => void | Promise<void>
  /** {@link Configuration.problem} may have changed. */
  readonly onState: () => void
}

/** How long a start waits for stores to answer. */
const STORE_WAIT_MS = 10_000
const TEXTS_MAX = 2

/** The configuration of a running gateway: reads it from its sources, watches these, and keeps on disk what stores have held. */
export class Configuration {
  readonly #options: ConfigurationOptions
  readonly #sources: RemoteSources
  readonly #watcher: FileWatcher
  /** Null where all sources are files. */
  readonly #lastGood: LastGood | null
  /** What the newest load was made of, as far as it came from stores; null when that was something kept. */
  #toKeep: readonly KeptSource[] | null = null
  /** Documents of the newest loads, by revision: by the time that one is in force, another may have been loaded. */
  readonly #texts = new Map<string, string>()

  private constructor(options: ConfigurationOptions, sources: RemoteSources) {
    this.#options = options
    this.#sources = sources
    this.#watcher = new FileWatcher({ onChange: () => options.onChange('a file changed') })
    this.#lastGood = sources.areAny ? new LastGood(stateFolderName(options.stateDir, options.env), sources.names) : null
  }

  /** Begins to watch, and waits until stores have answered or something kept can take their place. Rejects with a sentence for an address that cannot be used. */
  static async open(options: ConfigurationOptions): Promise<Configuration> {
    const { sources: names, env, log, metrics, onChange, onState } = options
    const sources = await RemoteSources.open(names, { env, log, metrics, onChange: (cause) => void onChange(cause), onState })
    const configuration = new Configuration(options, sources)
    // Known before they are read, so that a change in between is not missed.
    await configuration.#watcher.setFiles(sources.files)
    await sources.begin(await configuration.#readKept(), STORE_WAIT_MS)
    return configuration
  }

  /** Whether every store has told what it holds. */
  get isComplete(): boolean {
    return this.#sources.haveTold
  }

  /** Why what is known of the stores may be old; null when all can be asked. */
  problem(): string | null {
    return this.#sources.problem()
  }

  /** What there is now: of stores what they hold, or what was kept for as long as one of them has never answered. */
  async load(): Promise<LoadedConfig> {
    const documents = this.#sources.documents()
    if (documents === null) return nothing(this.problem() ?? '')
    const toKeep = this.#sources.toKeep()
    const load = await this.#loadOf(documents)
    this.#toKeep = toKeep
    return load
  }

  /** As {@link load}, and never what was kept. */
  async loadNewest(): Promise<LoadedConfig> {
    return this.isComplete ? this.load() : nothing(this.problem() ?? '')
  }

  /** What was kept of stores, with files as they are now; null where all sources are files. */
  async loadKept(): Promise<LoadedConfig | null> {
    if (this.#lastGood === null) return null
    const documents = this.#sources.keptDocuments()
    return documents === null ? nothing(`there is no last good configuration in ${this.#lastGood.file}`) : this.#loadOf(documents)
  }

  /** Keeps what the newest load was made of: it has come into force. */
  async keep(): Promise<void> {
    const toKeep = this.#toKeep
    if (this.#lastGood === null || toKeep === null) return
    try {
      await this.#lastGood.save(toKeep, systemClock.epochMs())
    } catch (error) {
      this.#options.log.warn({ reason: sentenceOf(error) }, 'the last good configuration cannot be kept: a start needs its stores')
    }
  }

  /** The document of a revision that was loaded of late; null where it comes from several or from a store. */
  textOf(revision: string): string | null {
    return this.#texts.get(revision) ?? null
  }

  #remember(revision: string, text: string): void {
    this.#texts.delete(revision)
    this.#texts.set(revision, text)
    const [oldest] = this.#texts.keys()
    if (oldest !== undefined && this.#texts.size > TEXTS_MAX) this.#texts.delete(oldest)
  }

  /** Asks all stores now. */
  refresh(): void {
    this.#sources.refresh()
  }

  close(): void {
    this.#watcher.close()
    this.#sources.close()
  }

  async #readKept(): Promise<KeptConfig | null> {
    try {
      return (await this.#lastGood?.read()) ?? null
    } catch (error) {
      this.#options.log.error({ reason: sentenceOf(error) }, 'the last good configuration cannot be read')
      return null
    }
  }

  async #loadOf(documents: readonly SourceDocuments[]): Promise<LoadedConfig> {
    this.#toKeep = null
    const load = await loadDocuments(documents, this.#options)
    await this.#watcher.setFiles([...this.#sources.files, ...load.files])
    if (load.ok && load.text !== null) this.#remember(load.ir.revision, load.text)
    return load
  }
}

function nothing(problem: string): LoadedConfig {
  return { ok: false, problems: problem, files: [], warnings: '', text: null }
}
