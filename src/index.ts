/** What a configuration in TypeScript imports: `import { defineGateway } from 'turnpike-gateway'`. */
import type { NativeInput } from './config/schema.ts'
import type { z } from './core/schema.ts'
import type { schema as apiKey } from './policies/api-key/schema.ts'
import type { schema as authentication } from './policies/authentication/schema.ts'
import type { schema as authorize } from './policies/authorize/schema.ts'
import type { schema as basic } from './policies/basic/schema.ts'
import type { schema as cache } from './policies/cache/schema.ts'
import type { schema as clientCertificate } from './policies/client-certificate/schema.ts'
import type { schema as correlationId } from './policies/correlation-id/schema.ts'
import type { schema as cors } from './policies/cors/schema.ts'
import type { schema as forwardedHeaders } from './policies/forwarded-headers/schema.ts'
import type { schema as grpcTranscoding } from './policies/grpc-transcoding/schema.ts'
import type { schema as grpcWeb } from './policies/grpc-web/schema.ts'
import type { schema as headers } from './policies/headers/schema.ts'
import type { schema as hmac } from './policies/hmac/schema.ts'
import type { schema as identityHeaders } from './policies/identity-headers/schema.ts'
import type { schema as ipAccess } from './policies/ip-access/schema.ts'
import type { schema as jwt } from './policies/jwt/schema.ts'
import type { schema as kongLog } from './policies/kong-log/schema.ts'
import type { schema as kongMetrics } from './policies/kong-metrics/schema.ts'
import type { schema as kongStatsd } from './policies/kong-statsd/schema.ts'
import type { schema as latencyHeaders } from './policies/latency-headers/schema.ts'
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
import type { schema as userAgent } from './policies/user-agent/schema.ts'
import type { schema as users } from './policies/users/schema.ts'

/** A policy's block: its options and `mode`, or `false` for `mode: 'off'`. */
type Block<Schema extends z.ZodType> = false | (z.input<Schema> & { readonly mode?: 'enforce' | 'shadow' | 'off' | undefined })

/** Policies by kind. */
export interface PolicyKinds {
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
  readonly 'user-agent'?: Block<typeof userAgent>
  readonly 'latency-headers'?: Block<typeof latencyHeaders>
  readonly 'kong-statsd'?: Block<typeof kongStatsd>
  readonly 'kong-metrics'?: Block<typeof kongMetrics>
  readonly 'kong-log'?: Block<typeof kongLog>
  readonly 'correlation-id'?: Block<typeof correlationId>
}

/** Policies by kind, and by `kind:name` beside others of the kind. */
export type Policies = PolicyKinds & { readonly [Kind in keyof PolicyKinds as `${Kind}:${string}`]?: PolicyKinds[Kind] }

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
