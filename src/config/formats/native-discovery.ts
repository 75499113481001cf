import { resolve } from 'node:path'
import type { DiscoveryRule } from '../../core/discovery.ts'
import type { NativeConfig, NativeService } from '../schema.ts'

type Discovery = NonNullable<NativeService['discovery']>

/** How a service's targets are found, with all that is said of the registry. @param folder that of the configuration, for paths */
export function discoveryRule(
  { consul, kubernetes, dns }: Discovery,
  registries: NativeConfig['registries'],
  folder: string,
): DiscoveryRule {
  if (consul !== undefined) {
    const { url, token, datacenter, tls, wait } = registries.consul
    return {
      kind: 'consul',
      service: consul.service,
      tags: consul.tags,
      datacenter: consul.datacenter ?? datacenter ?? null,
      url: url.replace(/\/$/, ''),
      token: token ?? null,
      tls: { ca: tls.ca ?? null, cert: tls.cert ?? null, key: tls.key ?? null, serverName: tls.serverName ?? null },
      waitMs: wait,
    }
  }
  if (kubernetes !== undefined) {
    const { kubeconfig, context } = registries.kubernetes
    return {
      kind: 'kubernetes',
      service: kubernetes.service,
      namespace: kubernetes.namespace,
      port: kubernetes.port ?? null,
      api:
        kubeconfig === undefined
          ? { kind: 'in-cluster' }
          : { kind: 'kubeconfig', file: resolve(folder, kubeconfig), context: context ?? null },
    }
  }
  // The schema has seen to it that there is one of them.
  const { name = '', port, record = 'ip' } = dns ?? {}
  return { kind: 'dns', name, port: port ?? null, record, servers: registries.dns.servers }
}
