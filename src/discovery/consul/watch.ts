import type { ConsulRule, DiscoveryContext, DiscoveryEvents, DiscoveryWatch } from '../../core/discovery.ts'

export function watchConsul(_rule: ConsulRule, _context: DiscoveryContext, events: DiscoveryEvents): DiscoveryWatch {
  events.onDegraded('not built yet')
  return { refresh: () => {}, close: () => {} }
}
