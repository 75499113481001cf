import type { DiscoveryContext, DiscoveryEvents, DiscoveryWatch, KubernetesRule } from '../../core/discovery.ts'

export function watchKubernetes(_rule: KubernetesRule, _context: DiscoveryContext, events: DiscoveryEvents): DiscoveryWatch {
  events.onDegraded('not built yet')
  return { refresh: () => {}, close: () => {} }
}
