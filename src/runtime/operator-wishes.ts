import type { TapRule } from '../core/tap.ts'
import type { ControlRequest, DrainedTargets } from './control-protocol.ts'

/** What operators want of workers besides the configuration, for as long as the control process lives. */
export class OperatorWishes {
  tapRules: readonly TapRule[] = []
  readonly #drained = new Map<string, Set<string>>()

  /** @param address `host:port` of a target */
  setDrained(service: string, address: string, isDrained: boolean): void {
    const addresses = this.#drained.get(service) ?? new Set()
    if (isDrained) addresses.add(address)
    else addresses.delete(address)
    if (addresses.size === 0) this.#drained.delete(service)
    else this.#drained.set(service, addresses)
  }

  get drained(): DrainedTargets {
    return Object.fromEntries([...this.#drained].map(([service, addresses]) => [service, [...addresses]]))
  }

  /** What a new worker has to be told before it serves. */
  requests(): readonly ControlRequest[] {
    return [
      ...(this.#drained.size === 0 ? [] : [{ kind: 'drained', targets: this.drained } as const]),
      ...(this.tapRules.length === 0 ? [] : [{ kind: 'tap', rules: this.tapRules } as const]),
    ]
  }
}
