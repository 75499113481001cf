/** What is not carried exactly of entities, besides plugins; for the report and docs/kong.md. */
import { CREDENTIAL_RULES } from './consumers.ts'
import { CORE_RULES } from './core-policies.ts'
import { LISTENER_RULES } from './listeners.ts'
import { PLUGIN_RULES } from './plugin-places.ts'
import { ROUTE_RULES } from './routes.ts'
import { SERVICE_RULES } from './services.ts'
import type { FidelityRules } from './types.ts'
import { UPSTREAM_RULES } from './upstreams.ts'

/** Rules by what they are about. */
export const ENTITY_RULES: Readonly<
  Record<'every request' | 'services' | 'routes' | 'upstreams' | 'credentials' | 'listeners' | 'plugins', FidelityRules>
> = {
  'every request': CORE_RULES,
  services: SERVICE_RULES,
  routes: ROUTE_RULES,
  upstreams: UPSTREAM_RULES,
  credentials: CREDENTIAL_RULES,
  listeners: LISTENER_RULES,
  plugins: PLUGIN_RULES,
}
