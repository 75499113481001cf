import type { DiscoveryContext, DiscoveryEvents, DiscoveryWatch, DnsRule } from '../../core/discovery.ts'

export function watchDns(_rule: DnsRule, _context: DiscoveryContext, events: DiscoveryEvents): DiscoveryWatch {
  events.onDegraded('not built yet')
  return { refresh: () => {}, close: () => {} }
}
