import type { ConfigSource, SourceContext } from '../core/config-source.ts'
import { SourceUrlError, shownUrl } from './source-url.ts'

export { isSourceUrl, shownUrl, sourceKey } from './source-url.ts'

/** What opens a source; loaded when one of its kind is named. */
type Open = (url: string, context: SourceContext) => Promise<ConfigSource>

const KINDS: ReadonlyMap<string, Open> = new Map<string, Open>([
  ['etcd', async (url, context) => (await import('./etcd/source.ts')).openEtcd(url, context)],
  ['etcds', async (url, context) => (await import('./etcd/source.ts')).openEtcd(url, context)],
  ['consul', async (url, context) => (await import('./consul/source.ts')).openConsul(url, context)],
  ['consuls', async (url, context) => (await import('./consul/source.ts')).openConsul(url, context)],
  ['kubernetes', async (url, context) => (await import('./kubernetes/source.ts')).openKubernetes(url, context)],
])

/**
 * Opens the store that an address names. Asks it nothing yet.
 * Rejects with a {@link SourceUrlError} when the address cannot be used.
 */
export async function openSource(url: string, context: SourceContext): Promise<ConfigSource> {
  const scheme = /^([^:]*):/.exec(url)?.[1] ?? ''
  const open = KINDS.get(scheme)
  if (open === undefined) {
    const known = [...KINDS.keys()].map((kind) => `${kind}://`).join(', ')
    throw new SourceUrlError(`${shownUrl(url)}: there are no sources \`${scheme}://\`; there are ${known}, and files`)
  }
  return open(url, context)
}
