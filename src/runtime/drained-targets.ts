import type { DrainedTargets } from './control-protocol.ts'

/** Targets that an operator has taken out, as `host:port`, by their services. */
export class DrainedTargetList {
  readonly #byService = new Map<string, Set<string>>()

  get isEmpty(): boolean {
    return this.#byService.size === 0
  }

  set(service: string, address: string, isDrained: boolean): void {
    const addresses = this.#byService.get(service) ?? new Set()
    if (isDrained) addresses.add(address)
    else addresses.delete(address)
    if (addresses.size === 0) this.#byService.delete(service)
    else this.#byService.set(service, addresses)
  }

  all(): DrainedTargets {
    return Object.fromEntries([...this.#byService].map(([service, addresses]) => [service, [...addresses]]))
  }
}
