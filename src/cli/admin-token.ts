import { createTokenFile } from '../admin/token.ts'
import type { Logger } from '../core/observe.ts'
import { sentenceOf } from '../runtime/control-protocol.ts'
import { runtimeFolder } from './runtime-folder.ts'

/** The admin listener's token: the configured one, else one of our own that is kept in a file. */
export class AdminToken {
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #log: Logger
  #configured: string | null = null
  #own: { readonly token: string; readonly remove: () => void } | null = null

  constructor(env: Readonly<Record<string, string | undefined>>, log: Logger) {
    this.#env = env
    this.#log = log
  }

  /** Empty while there is none, and then nobody is let in. */
  get value(): string {
    return this.#configured ?? this.#own?.token ?? ''
  }

  /** Takes what the configuration in force says; makes a token when it says nothing and there is none yet. */
  use(configured: string | null, adminPort: number): void {
    this.#configured = configured
    if (configured !== null || this.#own !== null) return
    try {
      const { token, file, remove } = createTokenFile(runtimeFolder(this.#env), adminPort)
      this.#own = { token, remove }
      this.#log.info({ file }, 'no admin token is configured: one has been made and is in this file')
    } catch (error) {
      this.#log.warn({ reason: sentenceOf(error) }, 'no admin token could be made: /config lets nobody in')
    }
  }

  /** Removes the file of our own token. */
  remove(): void {
    this.#own?.remove()
  }
}
