import type { KongPlugin } from '../types.ts'

/** Kong's plugins that are carried over, by name. */
export const PLUGINS: readonly KongPlugin<unknown>[] = []
