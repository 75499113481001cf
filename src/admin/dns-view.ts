import type { LookupState } from '../core/discovery.ts'
import type { DiscoveryState } from '../runtime/discoveries.ts'

/** The answer of `/dns`: what is known of names in the DNS, for each service that is found there. */
export interface DnsView {
  /** In the order of the configuration. */
  readonly services: readonly {
    readonly name: string
    /** Null when there was no answer yet. */
    readonly targets: number | null
    /** Why the last good answer is in force although its time is over; null when it is not. */
    readonly degraded: string | null
    readonly lookups: readonly LookupState[]
  }[]
}

export function dnsView(discoveries: ReadonlyMap<string, DiscoveryState> = new Map()): DnsView {
  const found = [...discoveries].filter(([, { kind }]) => kind === 'dns')
  return { services: found.map(([name, { targets, degraded, lookups }]) => ({ name, targets, degraded, lookups })) }
}
