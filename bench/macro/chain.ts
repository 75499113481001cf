/** The full chain: what an API behind a gateway usually has, beside a bare proxy. Its policies, and the client that passes them. */
import { createHmac } from 'node:crypto'

const SECRET = 'a-secret-of-the-benchmark-with-more-than-32-bytes'
const AUDIENCE = 'bench'
const PERMISSION = 'orders:read'
/** Never reached: a refusal would be cheaper than what is measured. */
const LIMIT = '{ rate: 10000000, capacity: 10000000 }'
/** Keys of the scenario with many; see load.lua. */
export const MANY_KEYS = 1_000_000

/** Where the buckets are kept; `keys` is memory with a state for each of {@link MANY_KEYS} API keys. */
export type Chain = 'memory' | 'redis' | 'keys'

/** What one request takes comes back in an hour, longer than a run: all keys are live at once. */
const SLOW_LIMIT = '{ rate: 1, per: hour, capacity: 100000 }'

/** The route `/chain/*` with: token, permission, three buckets, header transformation. Request id, metrics and access log are everywhere. */
export function chainRoute(chain: Chain): string {
  const store = chain === 'redis' ? 'redis' : 'memory'
  const limit = (by: string): string => (chain === 'keys' && by === 'api-key' ? SLOW_LIMIT : LIMIT).replace('{', `{ by: ${by},`)
  return `  chain:
    path: /chain/*
    service: service
    policies:
      jwt: { algorithm: HS256, secret: "${SECRET}", audience: ${AUDIENCE} }
      authorize: { permission: "${PERMISSION}" }
      rate-limit: { store: ${store}, limits: [${['api-key', 'user', 'ip'].map(limit).join(', ')}] }
      headers:
        request: { rename: { X-Client-Version: X-App-Version }, set: { X-Gateway: turnpike }, remove: [Referer] }
        response: { set: { X-Served-By: turnpike }, remove: [Server] }
`
}

export function chainStores(redisPort: number | null): string {
  const redis = redisPort === null ? '' : `, redis: { address: "127.0.0.1:${redisPort}", commandTimeout: 1s }`
  return `stores: { memory: { limitKeysMax: ${MANY_KEYS * 1.2} }${redis} }\n`
}

/** A token that passes. */
export function chainToken(): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: 'https://login.example.com/',
    sub: '4f9d2c7a-1be8-4d06-a5c3-e8f2d7b19a60',
    aud: AUDIENCE,
    iat: now,
    exp: now + 86_400,
    permissions: [PERMISSION, 'orders:write', 'users:read'],
    roles: ['customer'],
  }
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
}
