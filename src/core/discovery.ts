import type { Logger, Metrics } from './observe.ts'

/** One address of a service, as a registry tells it. */
export interface DiscoveredTarget {
  /** An address; a name where the registry knows no more. */
  readonly host: string
  readonly port: number
  /** From 0; 1 where the registry has none. */
  readonly weight: number
}

/** How to speak TLS to a registry. */
export interface RegistryTls {
  /** PEM of the authorities to trust; null for those that Node trusts. */
  readonly ca: string | null
  /** PEM of a client certificate and its key; null for none. */
  readonly cert: string | null
  readonly key: string | null
  /** The name that the certificate must have; null for the host that is connected to. */
  readonly serverName: string | null
}

/** Instances of a Consul service whose checks pass. */
export interface ConsulRule {
  readonly kind: 'consul'
  readonly service: string
  /** All of them have to be there. */
  readonly tags: readonly string[]
  /** Null for the agent's own. */
  readonly datacenter: string | null
  /** `http://host:port` or `https://…`. */
  readonly url: string
  readonly token: string | null
  readonly tls: RegistryTls
  /** How long a blocking query waits for a change. */
  readonly waitMs: number
}

/** Ready endpoints of a Kubernetes service. */
export interface KubernetesRule {
  readonly kind: 'kubernetes'
  readonly service: string
  readonly namespace: string
  /** Name or number of the service's port; null for the only one. */
  readonly port: string | number | null
  readonly api: KubernetesApi
}

/** Where and as whom the Kubernetes API is asked. */
export type KubernetesApi =
  /** As the pod that this is: environment, token file and authority of the service account. */
  | { readonly kind: 'in-cluster' }
  /** @see https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/ */
  | { readonly kind: 'kubeconfig'; readonly file: string; readonly context: string | null }

/** Addresses of a name in the DNS. */
export interface DnsRule {
  readonly kind: 'dns'
  readonly name: string
  /** Not for SRV, which tells it. */
  readonly port: number | null
  /** `ip`: A and AAAA. */
  readonly record: 'A' | 'AAAA' | 'ip' | 'SRV'
  /** `host:port` of the servers to ask; empty for those of the system. */
  readonly servers: readonly string[]
}

/** How the targets of a service are found. Plain data, which is the same while it means the same. */
export type DiscoveryRule = ConsulRule | KubernetesRule | DnsRule

/** What a watch tells. */
export interface DiscoveryEvents {
  /** The whole set as it is now; told at first, and when it differs from the last. Empty when the registry knows the service and no instance. */
  onTargets(targets: readonly DiscoveredTarget[]): void
  /** Why the registry cannot be asked, in words for the operator; the last answer stays in force. Null when it answers again. */
  onDegraded(reason: string | null): void
}

/** What is known of one name, for the admin listener. */
export interface LookupState {
  readonly name: string
  readonly type: string
  /** What is in force; null while nobody has answered yet, empty where there is nothing. */
  readonly records: readonly string[] | null
  /** Until it is asked for again; null while it is. */
  readonly askedAgainInMs: number | null
  /** RFC 3339; null before the first time. */
  readonly lastAskedAt: string | null
  /** Who answered last. */
  readonly server: string | null
  /** What came of the last question, where it brought no records: then those in force are older. */
  readonly lastError: string | null
}

/** A watch that is under way. It tries again by itself for as long as it is open. */
export interface DiscoveryWatch {
  /** A target could not be connected to: what is known may be old. */
  refresh(): void
  /** What it knows of each name that it looks up; not there where nothing is looked up. */
  lookups?(): readonly LookupState[]
  close(): void
}

export interface DiscoveryContext {
  readonly log: Logger
  readonly metrics: Metrics
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Begins to watch. Does not throw: what cannot be reached is told by `onDegraded`. */
export type Discover = (rule: DiscoveryRule, context: DiscoveryContext, events: DiscoveryEvents) => DiscoveryWatch

/**
 * By the keys of rules, and not by the names of services: what a new configuration finds under a name must not reach the one in force. Null
 * for a rule that nothing needs any more.
 */
export type DiscoveredTargets = Readonly<Record<string, readonly DiscoveredTarget[] | null>>

/** What a rule is known by: the same for rules that mean the same. */
export function discoveryKey(rule: DiscoveryRule): string {
  return JSON.stringify(rule)
}

/** Whether two rules look for the same thing, however their registries are reached. */
export function findsTheSame(one: DiscoveryRule, other: DiscoveryRule): boolean {
  return JSON.stringify(soughtBy(one)) === JSON.stringify(soughtBy(other))
}

function soughtBy(rule: DiscoveryRule): readonly unknown[] {
  switch (rule.kind) {
    case 'consul':
      return [rule.kind, rule.service, rule.tags, rule.datacenter]
    case 'kubernetes':
      return [rule.kind, rule.service, rule.namespace, rule.port]
    case 'dns':
      return [rule.kind, rule.name, rule.port, rule.record]
  }
  return rule satisfies never
}
