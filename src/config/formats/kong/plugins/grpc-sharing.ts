/** What the plugins of gRPC tell browsers by themselves, as `cors` does it. */
import type { PluginSurroundings, TranslatedPolicy } from '../types.ts'

/**
 * The origin that may read all answers, and the answer to preflights.
 * @returns nothing where the plugin cors applies too: its word counts
 */
export function sharingOf(
  around: PluginSurroundings,
  origin: string,
  methods: readonly string[],
  headers: readonly string[],
): readonly TranslatedPolicy[] {
  if (around.hasBeside('cors')) return []
  const options = { lenient: true, preflightStatus: 200, origins: [origin], methods, headers, maxAge: false, originAbsent: true }
  return [{ kind: 'cors', options }]
}
