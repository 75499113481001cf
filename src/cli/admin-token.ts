import type { AccessRules, AccessToken } from '../admin/access.ts'
import { createTokenFile } from '../admin/token.ts'
import type { AdminIr } from '../config/ir.ts'
import type { Logger } from '../core/observe.ts'
import { sentenceOf } from '../runtime/control-protocol.ts'
import { runtimeFolder } from './runtime-folder.ts'

/** Who may ask the admin listener: as configured, else who can read a token of our own that is kept in a file. */
export class AdminToken {
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #log: Logger
  #rules: AccessRules = { tokens: [], allow: null }
  #own: { readonly token: string; readonly remove: () => void } | null = null

  constructor(env: Readonly<Record<string, string | undefined>>, log: Logger) {
    this.#env = env
    this.#log = log
  }

  /** Without tokens while there is none, and then nobody is let in. */
  get rules(): AccessRules {
    return this.#rules
  }

  /** Takes what the configuration in force says; makes a token when it says nothing and there is none yet. */
  use({ token, tokens, allow }: Pick<AdminIr, 'token' | 'tokens' | 'allow'>, adminPort: number): void {
    const configured: readonly AccessToken[] = [
      ...(token === null ? [] : [{ name: 'admin.token', token, role: 'write' } as const]),
      ...tokens,
    ]
    if (configured.length === 0 && this.#own === null) this.#make(adminPort)
    const own: readonly AccessToken[] = this.#own === null ? [] : [{ name: 'token file', token: this.#own.token, role: 'write' }]
    this.#rules = { tokens: configured.length > 0 ? configured : own, allow }
  }

  #make(adminPort: number): void {
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
