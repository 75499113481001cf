/** Kong's upstreams: targets, how one is chosen, and which are well. */
import { nodeOf } from './nodes.ts'
import type { Notes } from './notes.ts'
import { parseTarget } from './texts.ts'
import type { UpstreamEntity, Written } from './types.ts'

/** What a service says of its targets. */
export function nativeUpstream(upstream: UpstreamEntity, notes: Notes): Readonly<Record<string, Written | undefined>> {
  void notes
  const targets = upstream.targets.flatMap((target): Written[] => {
    const { target: written, weight } = target.fields
    const parsed = parseTarget(written)
    return parsed === null ? [] : [nodeOf({ address: `${parsed.host}:${parsed.port}`, weight }, target.at)]
  })
  return {
    targets,
    host: upstream.fields.host_header ?? 'target',
  }
}
