/** What the native form says of the gateway as a whole: where it listens, who may administer it, its bounds and its stores. */
import { byteSize, duration, integer, list, object, oneOf, oneOrMore, secret, text, z } from '../core/schema.ts'
import { addressBlockProblem, listenHostProblem, storeAddressProblem } from './addresses.ts'
import { checkedText, nameText, portNumber } from './schema-words.ts'
import { listenerTls } from './tls-schema.ts'

const listenHostText = () => checkedText(255, listenHostProblem)

export const listener = object({
  name: nameText().optional().describe('Name in logs and metrics. Default: `listener-1` for the first, and so on.'),
  host: listenHostText().default('0.0.0.0').describe('Address to listen on; `::` for IPv6 and IPv4.'),
  port: portNumber(0).default(8080).describe('Port to listen on; 0 picks a free one, which the ready line tells.'),
  trustedProxies: list(checkedText(64, addressBlockProblem))
    .default([])
    .describe('Addresses and CIDR blocks of proxies in front of the gateway. Only they are believed when they say who the client is.'),
  tls: listenerTls.optional().describe('Speaks TLS here. Default: plain HTTP.'),
  http2: z
    .boolean()
    .default(true)
    .describe('Whether clients may speak HTTP/2: agreed on with ALPN over TLS, or from the first byte (prior knowledge) without.'),
  redirectToHttps: z
    .union([z.boolean(), portNumber(1)])
    .default(false)
    .describe(
      'Answers every request with a redirect (308) to the same URL by https: `true` for port 443, or a port. What is below `/.well-known/acme-challenge/` is served.',
    ),
})

export const admin = object({
  host: listenHostText().default('127.0.0.1').describe('Address of the admin listener.'),
  port: portNumber(0).default(9901).describe('Port of the admin listener; 0 picks a free one.'),
  token: bearerToken()
    .optional()
    .describe('Bearer token that may do everything. Default: where `tokens` are missing too, one is made at start and kept in a file.'),
  tokens: list(
    object({
      name: nameText().describe('Who that is, in the event log.'),
      token: bearerToken().describe('What is sent as `Authorization: Bearer`.'),
      role: oneOf(['read', 'write'])
        .default('read')
        .describe('`read` may look at everything but secrets; `write` may also change what the gateway does.'),
    }),
    { max: 100 },
  )
    .default([])
    .superRefine(checkTokens)
    .describe('Bearer tokens of people and programs.'),
  allow: list(checkedText(64, addressBlockProblem), { min: 1 })
    .optional()
    .describe('Addresses and CIDR blocks that may ask; all others get 403, but for `/healthz` and `/readyz`. Default: any.'),
})

function bearerToken() {
  const error = 'expected at most 512 printable ASCII characters without blanks, as a Bearer token is sent'
  return secret()
    .regex(/^[\x21-\x7e]{1,512}$/, { error })
    .meta({ secret: true })
}

/** A line of the event log must name one token, and a token must have one role. */
function checkTokens(tokens: readonly { readonly name: string; readonly token: string }[], context: z.RefinementCtx): void {
  for (const [index, { name, token }] of tokens.entries()) {
    const before = tokens.slice(0, index)
    if (before.some((other) => other.name === name))
      context.addIssue({ code: 'custom', message: `another token has the name \`${name}\``, path: [index, 'name'] })
    if (before.some((other) => other.token === token))
      context.addIssue({ code: 'custom', message: 'another entry has the same token', path: [index, 'token'] })
  }
}

export const limits = object({
  headBytesMax: byteSize({ min: 1024, max: 2 ** 20 })
    .prefault('32KiB')
    .describe('Largest request head; more is 431.'),
  headersMax: integer({ min: 1, max: 1_000 }).default(100).describe('Most header fields of a request; more is 431.'),
  uriBytesMax: byteSize({ min: 64, max: 2 ** 20 })
    .prefault('8KiB')
    .describe('Longest request target; more is 414.'),
  bodyBytesMax: byteSize({ max: 2 ** 50 })
    .prefault('100MiB')
    .describe('Largest request body unless a `request-size` policy says otherwise; more is 413.'),
  headTimeout: duration({ min: 1 }).prefault('10s').describe('From the first byte of a request head to its last; longer is 408.'),
  bodyIdleTimeout: duration({ min: 1 }).prefault('30s').describe('Longest silence within a request body; longer is 408.'),
  idleTimeout: duration({ min: 1 }).prefault('75s').describe('How long a connection stays open between two requests.'),
  writeIdleTimeout: duration({ min: 1 }).prefault('30s').describe('How long a client may take none of the bytes that wait for it.'),
  halfCloseGrace: duration().prefault('1s').describe('How long a request goes on after the client closed its sending side.'),
  connectionsMax: integer({ min: 1, max: 1_000_000 }).default(20_000).describe('Connections one worker holds at once.'),
  streamsMax: integer({ min: 1, max: 10_000 })
    .default(100)
    .describe('Requests that one HTTP/2 connection has under way at once; one more is refused, and may be sent again.'),
  gatheredBytesMax: byteSize({ min: 1024, max: 2 ** 36 })
    .prefault('256MiB')
    .describe('Bytes of request bodies that one worker holds at once for policies that look at whole bodies; more is 503.'),
})

export const statsd = object({
  address: checkedText(300, storeAddressProblem).describe('`host:port` of the server, which is sent UDP.'),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{0,128}$/, { error: 'expected letters, digits, `_`, `-` and `.`, at most 128' })
    .default('')
    .describe('Put before every name: `shop.` makes `shop.gateway.cache.hit`.'),
  interval: duration({ min: 100, max: 3_600_000 }).prefault('10s').describe('How often counts are sent.'),
})

const redis = object({
  address: oneOrMore(checkedText(300, storeAddressProblem), { max: 100 }).describe(
    '`host:port`; of a cluster some of its nodes, with `sentinel` some of the sentinels.',
  ),
  cluster: z.boolean().default(false).describe('Whether this is a Redis Cluster.'),
  sentinel: object({
    master: text({ max: 256 }).describe('Name under which the sentinels watch the master.'),
    username: text({ max: 256 }).optional().describe('Name to authenticate with at the sentinels.'),
    password: secret().optional().describe('Password to authenticate with at the sentinels.'),
  })
    .optional()
    .describe('Asks sentinels which server is the master, and follows it when it changes.'),
  username: text({ max: 256 }).optional().describe('Name to authenticate with (Redis 6 ACL).'),
  password: secret().optional().describe('Password to authenticate with.'),
  database: integer({ min: 0, max: 65_535 }).default(0).describe('Number of the database; a cluster has only 0.'),
  tls: z.boolean().default(false).describe('Whether to connect with TLS; the certificate is verified.'),
  keyPrefix: text({ min: 0, max: 256 }).default('').describe('Put before every key.'),
  connectTimeout: duration({ min: 1 }).prefault('1s').describe('Longest time to open a connection.'),
  commandTimeout: duration({ min: 1, max: 60_000 })
    .prefault('100ms')
    .describe('Longest wait for an answer; a policy then does what it is told to.'),
}).superRefine(({ address, cluster, sentinel, database }, context) => {
  const tell = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message })
  // Of several servers that know nothing of each other, all but one would be left out in silence.
  if (address.length > 1 && !cluster && sentinel === undefined) tell('address', 'expected one address, or `cluster: true`, or `sentinel`')
  if (cluster && sentinel !== undefined) tell('sentinel', 'expected either `cluster` or `sentinel`')
  if (cluster && database !== 0) tell('database', 'expected 0: a cluster has no other')
})

export const stores = object({
  memory: object({
    limitKeysMax: integer({ min: 16, max: 16_000_000 })
      .default(100_000)
      .describe(
        'Limiter states kept at once, of all limits together; each takes about 30 bytes, one of a sliding window 240. When they are full, the one that would be forgotten first makes room.',
      ),
    responseBytesMax: byteSize({ min: 65_536 })
      .prefault('64MiB')
      .describe(
        'Bytes of responses that `cache` policies keep. Each worker keeps responses of its own, in its part of them. When it is full, the one that was not asked for the longest makes room.',
      ),
  })
    .prefault({})
    .describe('The memory of this machine, shared by its workers.'),
  redis: redis.optional().describe('Redis or Valkey, shared by several instances.'),
})
