import type { GatewayIr } from '../config/ir.ts'
import type { Logger } from '../core/observe.ts'
import type { SharedFile } from '../core/store.ts'
import { sentenceOf } from '../runtime/control-protocol.ts'
import type { SharedState } from '../runtime/workers.ts'
import { SharedFiles } from '../stores/memory/shared-file.ts'
import { runtimeFolder } from './runtime-folder.ts'

/** Where several workers count limits together. A worker alone counts in its own memory, which costs no lock. */
export class SharedLimits implements SharedState {
  readonly #files: SharedFiles
  readonly #log: Logger

  constructor(env: Readonly<Record<string, string | undefined>>, log: Logger) {
    this.#files = new SharedFiles(() => runtimeFolder(env))
    this.#log = log
  }

  fileFor(ir: GatewayIr): SharedFile | null {
    if (ir.workers === 1) return null
    try {
      return this.#files.forKeys(ir.stores.memory.limitKeysMax)
    } catch (error) {
      this.#log.warn({ reason: sentenceOf(error) }, 'the workers have no memory to share: each admits its part of a limit')
      return null
    }
  }

  settle(ir: GatewayIr | null): void {
    this.#files.keepOnly(ir === null || ir.workers === 1 ? null : ir.stores.memory.limitKeysMax)
  }
}
