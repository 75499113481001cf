import { type Clock, systemClock } from '../../core/clock.ts'
import type { ConfigSource, Fragment, SourceContext, SourceEvents } from '../../core/config-source.ts'
import type { KubernetesApi } from '../../core/discovery.ts'
import { readAccess, SERVICE_ACCOUNT_FOLDER } from '../../discovery/kubernetes/access.ts'
import { KubernetesClient } from '../../discovery/kubernetes/client.ts'
import { ListWatch, type ListWatchTimings, TIMINGS } from '../../discovery/kubernetes/list-watch.ts'
import { isObject, objectsIn } from '../../discovery/kubernetes/objects.ts'
import { parseSourceUrl, SourceUrlError } from '../source-url.ts'

const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/

/** What tests put in place of the surroundings. */
export interface KubernetesSourceParts {
  readonly serviceAccountFolder: string
  readonly timings: ListWatchTimings
  readonly clock: Clock
}

const PARTS: KubernetesSourceParts = {
  serviceAccountFolder: SERVICE_ACCOUNT_FOLDER,
  // Who asks is an operator, and not every request that fails.
  timings: { ...TIMINGS, refreshMs: 0 },
  clock: systemClock,
}

/**
 * `kubernetes://namespace/configmap[?kubeconfig=file&context=name]`: each key of the ConfigMap is a document. Without `kubeconfig` the API is
 * asked as the pod that this is. The object is replaced as a whole, so that its keys always are of one moment.
 *
 * @throws a {@link SourceUrlError} when the address cannot be used
 */
export function openKubernetes(address: string, { env, log }: SourceContext, parts: KubernetesSourceParts = PARTS): ConfigSource {
  const { hosts, path, parameters, credentials, name } = parseSourceUrl(address, ['kubeconfig', 'context'])
  const [namespace = ''] = hosts
  if (credentials !== null || hosts.length > 1 || !NAMESPACE.test(namespace) || !NAME.test(path))
    throw new SourceUrlError(`${name} names no ConfigMap: expected kubernetes://namespace/name`)
  const api = apiOf(parameters, name)
  const open = (): KubernetesClient =>
    new KubernetesClient({ ...parts.timings, clock: parts.clock, readAccess: () => readAccess(api, env, parts.serviceAccountFolder) })
  const collection = `/api/v1/namespaces/${namespace}/configmaps`
  // The right to list may then be given for this name alone.
  const selector = { fieldSelector: `metadata.name=${path}` }
  const read = (object: Readonly<Record<string, unknown>>): readonly Fragment[] => fragmentsOf(object, name)
  return {
    name,
    read: async () => {
      const client = open()
      try {
        const list = await client.get(
          `${collection}?${new URLSearchParams(selector).toString()}`,
          AbortSignal.timeout(parts.timings.answerMs),
        )
        return objectsIn(list['items']).flatMap(read)
      } finally {
        client.close()
      }
    },
    watch: (events) => {
      const { onItems, onTrouble } = teller(path, events)
      return new ListWatch({ ...parts, client: open(), log, path: collection, selector, read, onItems, onTrouble })
    },
  }
}

function apiOf(parameters: ReadonlyMap<string, string>, name: string): KubernetesApi {
  const file = parameters.get('kubeconfig')
  const context = parameters.get('context') ?? null
  if (file !== undefined) return { kind: 'kubeconfig', file, context }
  if (context !== null) throw new SourceUrlError(`${name}: \`context\` is of a \`kubeconfig\`, which is not named`)
  return { kind: 'in-cluster' }
}

/** The keys of `data`, in the order of their names; `binaryData` is no text. */
function fragmentsOf({ data }: Readonly<Record<string, unknown>>, name: string): readonly Fragment[] {
  return Object.entries(isObject(data) ? data : {})
    .flatMap(([key, text]) => (typeof text === 'string' ? [{ name: `${name}/${key}`, text }] : []))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Tells what differs from what was told before. */
function teller(configMap: string, events: SourceEvents) {
  let told: string | null = null
  let reason: string | null = null
  return {
    onItems: (items: ReadonlyMap<string, readonly Fragment[]>): void => {
      const fragments = items.get(configMap) ?? []
      const content = JSON.stringify(fragments)
      if (content === told) return
      told = content
      events.onFragments(fragments)
    },
    onTrouble: (now: string | null): void => {
      if (now === reason) return
      reason = now
      events.onDegraded(now)
    },
  }
}
