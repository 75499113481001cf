import type { PolicyDefinition } from '../../core/policy.ts'
import type { UsersOptions } from './schema.ts'

/** Loaded where users are looked up. */
let parts: typeof import('./directory.ts') | null = null

export const users: PolicyDefinition<UsersOptions> = {
  kind: 'users',
  summary: "Fetches the caller's roles and permissions from a user service, and keeps them.",
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  review({ store }, { authenticates, stores }) {
    if (store === 'redis' && !stores.has('redis')) {
      return [{ severity: 'error', path: ['store'], message: 'no store `redis` is configured: add `stores.redis`' }]
    }
    if (authenticates) return []
    const message = 'no policy that finds out who calls is in force here, so that no record is ever fetched: add `jwt`'
    return [{ severity: 'warning', path: [], message }]
  },
  async load() {
    parts ??= await import('./directory.ts')
  },
  compile(options, context) {
    if (parts === null) throw new Error('the directory is loaded before policies are compiled')
    const directory = new parts.UserDirectory(options, context)
    return { onRequest: (exchange) => directory.identify(exchange) }
  },
}
