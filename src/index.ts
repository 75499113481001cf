/** What a configuration in TypeScript imports: `import { defineGateway } from 'turnpike-gateway'`. */
import type { NativeInput, PoliciesInput } from './config/schema.ts'

type WithPolicies<T> = Omit<T, 'policies'> & { readonly policies?: PoliciesInput }
type Entry<Key extends 'services' | 'routes'> = NonNullable<NativeInput[Key]>[string]

/** A configuration as it is written; see docs/configuration.md. */
export type GatewayConfig = Omit<WithPolicies<NativeInput>, 'services' | 'routes'> & {
  readonly services?: Readonly<Record<string, WithPolicies<Entry<'services'>>>>
  readonly routes?: Readonly<Record<string, WithPolicies<Entry<'routes'>>>>
}

/**
 * Gives a configuration its type, so that an editor completes and checks it. Returns it unchanged: it is checked when it is loaded.
 *
 * @example
 * export default defineGateway({
 *   services: { users: { targets: ['127.0.0.1:9001'] } },
 *   routes: { users: { path: '/api/v1/users/*', service: 'users', timeout: '5s' } },
 * })
 */
export function defineGateway(config: GatewayConfig): GatewayConfig {
  return config
}
