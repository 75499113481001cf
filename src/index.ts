/** What a configuration in TypeScript imports: `import { defineGateway } from 'turnpike-gateway'`. */
import type { NativeInput } from './config/schema.ts'
import type { z } from './core/schema.ts'
import type { schema as apiKey } from './policies/api-key/schema.ts'
import type { schema as authentication } from './policies/authentication/schema.ts'
import type { schema as authorize } from './policies/authorize/schema.ts'
import type { schema as basic } from './policies/basic/schema.ts'
import type { schema as cache } from './policies/cache/schema.ts'
import type { schema as clientCertificate } from './policies/client-certificate/schema.ts'
import type { schema as cors } from './policies/cors/schema.ts'
import type { schema as forwardedHeaders } from './policies/forwarded-headers/schema.ts'
import type { schema as grpcTranscoding } from './policies/grpc-transcoding/schema.ts'
import type { schema as grpcWeb } from './policies/grpc-web/schema.ts'
import type { schema as headers } from './policies/headers/schema.ts'
import type { schema as hmac } from './policies/hmac/schema.ts'
import type { schema as identityHeaders } from './policies/identity-headers/schema.ts'
import type { schema as ipAccess } from './policies/ip-access/schema.ts'
import type { schema as jwt } from './policies/jwt/schema.ts'
import type { schema as rateLimit } from './policies/rate-limit/schema.ts'
import type { schema as redirect } from './policies/redirect/schema.ts'
import type { schema as requestId } from './policies/request-id/schema.ts'
import type { schema as requestSize } from './policies/request-size/schema.ts'
import type { schema as requestValidation } from './policies/request-validation/schema.ts'
import type { schema as rewrite } from './policies/rewrite/schema.ts'
import type { schema as securityHeaders } from './policies/security-headers/schema.ts'
import type { schema as soap } from './policies/soap/schema.ts'
import type { schema as staticResponse } from './policies/static-response/schema.ts'
import type { schema as transform } from './policies/transform/schema.ts'
import type { schema as users } from './policies/users/schema.ts'

/** A policy's block: its options and `mode`, or `false` for `mode: 'off'`. */
type Block<Schema extends z.ZodType> = false | (z.input<Schema> & { readonly mode?: 'enforce' | 'shadow' | 'off' | undefined })

/** Policies by kind. */
export interface Policies {
  readonly 'request-id'?: Block<typeof requestId>
  readonly 'ip-access'?: Block<typeof ipAccess>
  readonly 'forwarded-headers'?: Block<typeof forwardedHeaders>
  readonly cors?: Block<typeof cors>
  readonly 'security-headers'?: Block<typeof securityHeaders>
  readonly 'request-size'?: Block<typeof requestSize>
  readonly 'client-certificate'?: Block<typeof clientCertificate>
  readonly jwt?: Block<typeof jwt>
  readonly 'api-key'?: Block<typeof apiKey>
  readonly basic?: Block<typeof basic>
  readonly hmac?: Block<typeof hmac>
  readonly authentication?: Block<typeof authentication>
  readonly users?: Block<typeof users>
  readonly 'identity-headers'?: Block<typeof identityHeaders>
  readonly authorize?: Block<typeof authorize>
  readonly 'rate-limit'?: Block<typeof rateLimit>
  readonly 'request-validation'?: Block<typeof requestValidation>
  readonly cache?: Block<typeof cache>
  readonly redirect?: Block<typeof redirect>
  readonly 'static-response'?: Block<typeof staticResponse>
  readonly transform?: Block<typeof transform>
  readonly rewrite?: Block<typeof rewrite>
  readonly 'grpc-web'?: Block<typeof grpcWeb>
  readonly 'grpc-transcoding'?: Block<typeof grpcTranscoding>
  readonly soap?: Block<typeof soap>
  readonly headers?: Block<typeof headers>
}

type WithPolicies<T> = Omit<T, 'policies'> & { readonly policies?: Policies }
type Entry<Key extends 'services' | 'routes' | 'consumers'> = NonNullable<NativeInput[Key]>[string]
type ConsumerEntry = Omit<WithPolicies<Entry<'consumers'>>, 'routes'> & {
  readonly routes?: Readonly<Record<string, { readonly policies?: Policies }>>
}

/** A configuration as it is written; see docs/configuration.md. */
export type GatewayConfig = Omit<WithPolicies<NativeInput>, 'services' | 'routes' | 'consumers'> & {
  readonly services?: Readonly<Record<string, WithPolicies<Entry<'services'>>>>
  readonly routes?: Readonly<Record<string, WithPolicies<Entry<'routes'>>>>
  readonly consumers?: Readonly<Record<string, ConsumerEntry>>
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
