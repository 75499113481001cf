import type { Logger } from './observe.ts'

/** One document of a configuration, as it is written. */
export interface Fragment {
  /** Stands for its file in places, as `etcd://host:2379/gateway/routes:3:5`. Has no credentials; the same for as long as the document is. */
  readonly name: string
  /** YAML or JSON, with its interpolations as they were written. */
  readonly text: string
}

/** What a watch of a source tells. */
export interface SourceEvents {
  /**
   * All documents as they are now, of one moment where the store can say so, in the order of their names; told at first, and when they differ from
   * the last. Empty when there is none: what is made of that is not the source's business.
   */
  onFragments(fragments: readonly Fragment[]): void
  /** Why the store cannot be asked, in words for the operator and without credentials; what was told stays in force. Null when it answers again. */
  onDegraded(reason: string | null): void
}

/** A watch that is under way. It never throws, and tries again by itself, with backoff and jitter, for as long as it is open. */
export interface SourceWatch {
  /** Asks now: an operator wants to know. */
  refresh(): void
  close(): void
}

/** A store that a configuration is read from. Opening one asks nothing yet. */
export interface ConfigSource {
  /** Its address for people: no credentials, no parameters. */
  readonly name: string
  /** Reads all documents once, within a bounded time. Rejects with a sentence for the operator. */
  read(): Promise<readonly Fragment[]>
  /** Every wait has a limit, and a connection that silently died is noticed. */
  watch(events: SourceEvents): SourceWatch
}

export interface SourceContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
}

/** A configuration may be as large as all of its fragments together. */
export const FRAGMENTS_BYTES_MAX = 32 * 2 ** 20
/** What is read of one store at most; more is a store in which something else lies. */
export const FRAGMENTS_MAX = 10_000
