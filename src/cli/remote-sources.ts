import type { ConfigSource, Fragment, SourceContext, SourceWatch } from '../core/config-source.ts'
import type { Counter, Metrics } from '../core/observe.ts'
import { isSourceUrl, openSource, sourceKey } from '../sources/index.ts'
import type { SourceDocuments } from './config-source.ts'
import type { KeptConfig, KeptSource } from './last-good.ts'

export interface RemoteSourcesOptions extends SourceContext {
  readonly metrics: Metrics
  /** A store holds something else than before, or can or cannot be asked any more. */
  readonly onChange: (cause: string) => void
  readonly onState: () => void
}

/** A store as it is known now. */
interface Watched {
  readonly source: ConfigSource
  /** Its address with its parameters, which its name lacks: of two that differ in their datacenter, one must not be kept for the other. */
  readonly key: string
  readonly errors: Counter
  watch: SourceWatch | null
  /** Null before it has told anything. */
  fragments: readonly Fragment[] | null
  degraded: string | null
}

/** What the command line names: files, and stores that are watched. */
export class RemoteSources {
  readonly #options: RemoteSourcesOptions
  readonly #names: readonly (string | Watched)[]
  readonly #stores: readonly Watched[]
  #kept: KeptConfig | null = null
  /** Wakes {@link begin}. */
  #wake: (() => void) | null = null

  private constructor(names: readonly (string | Watched)[], options: RemoteSourcesOptions) {
    this.#options = options
    this.#names = names
    this.#stores = names.filter((name) => typeof name !== 'string')
  }

  /** Rejects with a sentence when an address cannot be used. */
  static async open(names: readonly string[], options: RemoteSourcesOptions): Promise<RemoteSources> {
    const opened = await Promise.all(
      names.map(async (name): Promise<string | Watched> => {
        if (!isSourceUrl(name)) return name
        const source = await openSource(name, options)
        const errors = options.metrics.counter(
          'gateway_config_source_errors_total',
          'Times that a store of the configuration could not be asked, or watched any longer.',
          { source: source.name },
        )
        return { source, key: sourceKey(name), errors, watch: null, fragments: null, degraded: null }
      }),
    )
    return new RemoteSources(opened, options)
  }

  /** All arguments, without credentials. */
  get names(): readonly string[] {
    return this.#names.map((name) => (typeof name === 'string' ? name : name.key))
  }

  get files(): readonly string[] {
    return this.#names.filter((name) => typeof name === 'string')
  }

  get areAny(): boolean {
    return this.#stores.length > 0
  }

  /**
   * Begins to watch. Resolves when all stores have told what they hold, or after `timeoutMs`; with something kept that can be used instead, as soon as
   * one is known not to answer.
   */
  async begin(kept: KeptConfig | null, timeoutMs: number): Promise<void> {
    this.#kept = kept
    for (const store of this.#stores) this.#watch(store)
    const deadline = performance.now() + timeoutMs
    const isSettled = (): boolean => this.haveTold || (kept !== null && this.#stores.some(({ degraded }) => degraded !== null))
    while (!isSettled()) {
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** Whether every store has told what it holds. */
  get haveTold(): boolean {
    return this.#stores.every(({ fragments }) => fragments !== null)
  }

  /** What the configuration is made of now: of all stores what they have told, or of all what was kept. Null when there is neither. */
  documents(): readonly SourceDocuments[] | null {
    return this.haveTold ? this.#documents(({ fragments }) => fragments) : this.keptDocuments()
  }

  /** What was kept, with files as they are now; null when there is nothing. */
  keptDocuments(): readonly SourceDocuments[] | null {
    const kept = this.#kept
    if (kept === null) return null
    return this.#documents(({ key }) => kept.sources.find(({ name }) => name === key)?.fragments ?? null)
  }

  /** What stores have told, to be kept; null before all have. */
  toKeep(): readonly KeptSource[] | null {
    const told = this.#stores.flatMap(({ key, fragments }) => (fragments === null ? [] : [{ name: key, fragments }]))
    return told.length === this.#stores.length ? told : null
  }

  /** Why what is known of the stores may be old; null when all can be asked. */
  problem(): string | null {
    const reasons = this.#stores.flatMap(({ source, fragments, degraded }) => {
      if (degraded !== null) return [`${source.name} cannot be asked: ${degraded}`]
      return fragments === null ? [`${source.name} has not answered yet`] : []
    })
    return reasons.length === 0 ? null : reasons.join('\n')
  }

  refresh(): void {
    for (const { watch } of this.#stores) watch?.refresh()
  }

  close(): void {
    for (const { watch } of this.#stores) watch?.close()
  }

  #watch(store: Watched): void {
    const { log, onChange, onState } = this.#options
    const { name } = store.source
    store.watch = store.source.watch({
      onFragments: (fragments) => {
        store.fragments = fragments
        this.#wake?.()
        onChange(`${name} has changed`)
      },
      onDegraded: (reason) => {
        if (reason !== null) store.errors.add(1)
        // It is told with each try: once is enough.
        if (reason !== null && store.degraded === null)
          log.warn({ source: name, reason }, 'a store of the configuration cannot be asked: what is in force stays')
        if (reason === null && store.degraded !== null) log.info({ source: name }, 'a store of the configuration answers again')
        store.degraded = reason
        this.#wake?.()
        onState()
      },
    })
  }

  #documents(fragmentsOf: (store: Watched) => readonly Fragment[] | null): readonly SourceDocuments[] | null {
    const documents: SourceDocuments[] = []
    for (const name of this.#names) {
      if (typeof name === 'string') documents.push(name)
      else {
        const fragments = fragmentsOf(name)
        if (fragments === null) return null
        documents.push({ name: name.source.name, fragments })
      }
    }
    return documents
  }
}
