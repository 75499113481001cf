/** Kong's entities: their fields with Kong's defaults and checks, how they refer to each other and what is unique about them. */
import { list, object, oneOf, record, z } from '../../../core/schema.ts'
import { healthchecks } from './healthcheck-schema.ts'
import { hostProblem, namePattern, pathProblem, routePathProblem, snisProblem, tagPattern, targetProblem } from './texts.ts'

export type EntityKind =
  | 'services'
  | 'routes'
  | 'upstreams'
  | 'targets'
  | 'consumers'
  | 'plugins'
  | 'certificates'
  | 'snis'
  | 'ca_certificates'
  | 'vaults'
  | 'keyauth_credentials'
  | 'jwt_secrets'
  | 'basicauth_credentials'
  | 'hmacauth_credentials'
  | 'acls'

export interface EntityDefinition {
  /** `service`: what messages call one. */
  readonly singular: string
  /** Fields that name another entity, by its kind. */
  readonly references: Readonly<Record<string, EntityKind>>
  /** Those without which it is none. */
  readonly needs: readonly string[]
  /** The field that it can be referred to by, besides its id. */
  readonly key: string | null
  /** Fields whose values no two entities of the kind share. */
  readonly unique: readonly string[]
  /** What its id is made of: its key, or these fields together. */
  readonly idOf: readonly string[]
  /** Of its own fields; those that refer to others, and what stands below it, are not among them. */
  readonly schema: z.ZodObject
}

/** Most entities of one kind in a file. */
export const ENTITIES_MAX = 200_000
const LIST_MAX = 1_000

const text = (max = 8_192) => z.string().min(1).max(max)
/** Text, and never the name of a file, which the native form would read. */
const pem = () =>
  z
    .string()
    .max(1_048_576)
    .regex(/^\s*-----BEGIN /, { error: 'expected text in PEM' })
const checked = (problemOf: (value: string) => string | null, max = 2_048) =>
  text(max).superRefine((value, context) => {
    const message = problemOf(value)
    if (message !== null) context.addIssue({ code: 'custom', message })
  })

const uuid = () => z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i, { error: 'expected a valid UUID' })
const name = () => text(512).regex(namePattern, { error: 'the only accepted ascii characters are alphanumerics or ., -, _, and ~' })
const timeout = () =>
  z
    .int()
    .min(1)
    .max(2 ** 31 - 2)
    .default(60_000)

const common = {
  id: uuid().optional(),
  created_at: z.number().optional(),
  updated_at: z.number().optional(),
  tags: list(text(512).regex(tagPattern, { error: 'expected printable ascii (except `,` and `/`) or valid utf-8 sequences' }), {
    max: LIST_MAX,
  }).default([]),
  _comment: z.string().optional(),
  _ignore: z.array(z.unknown()).optional(),
}

export const PROTOCOLS = ['grpc', 'grpcs', 'http', 'https', 'tcp', 'tls', 'tls_passthrough', 'udp', 'ws', 'wss'] as const
const protocolList = () => list(oneOf(PROTOCOLS), { min: 1, max: 10 })

export const SERVICE = z.object({
  ...common,
  name: name().optional(),
  protocol: oneOf(PROTOCOLS).default('http'),
  host: checked(hostProblem, 256),
  port: z.int().min(0).max(65_535).default(80),
  path: checked(pathProblem).optional(),
  url: text(2_048).optional(),
  retries: z.int().min(0).max(32_767).default(5),
  connect_timeout: timeout(),
  write_timeout: timeout(),
  read_timeout: timeout(),
  enabled: z.boolean().default(true),
  tls_verify: z.boolean().optional(),
  tls_verify_depth: z.int().min(0).max(64).optional(),
  ca_certificates: list(uuid(), { max: LIST_MAX }).optional(),
})

const ipPort = () => list(object({ ip: text(64).optional(), port: z.int().min(0).max(65_535).optional() }), { max: LIST_MAX })

export const ROUTE = z.object({
  ...common,
  name: name().optional(),
  protocols: protocolList().default(['http', 'https']),
  methods: list(z.string().regex(/^[A-Z]{1,64}$/, { error: 'expected a method in upper case' }), { max: 50 }).default([]),
  hosts: list(checked(routeHostProblem, 256), { max: LIST_MAX }).default([]),
  paths: list(checked(routePathProblem, 2_047), { max: LIST_MAX }).default([]),
  headers: record(
    z.string().regex(/^[A-Za-z0-9_-]{1,256}$/, { error: 'bad header name, allowed characters are A-Z, a-z, 0-9, "_", and "-"' }),
    list(z.string().max(1_024), { max: LIST_MAX }),
    { max: 255 },
  ).default({}),
  snis: list(checked(snisProblem, 256), { max: LIST_MAX }).default([]),
  sources: ipPort().optional(),
  destinations: ipPort().optional(),
  https_redirect_status_code: z
    .union([z.literal(426), z.literal(301), z.literal(302), z.literal(307), z.literal(308)], {
      error: 'expected one of 426, 301, 302, 307, 308',
    })
    .default(426),
  regex_priority: z
    .int()
    .min(-(2 ** 31))
    .max(2 ** 31 - 1)
    .default(0),
  strip_path: z.boolean().optional(),
  path_handling: oneOf(['v0', 'v1']).default('v0'),
  preserve_host: z.boolean().default(false),
  request_buffering: z.boolean().default(true),
  response_buffering: z.boolean().default(true),
  expression: text().optional(),
  priority: z
    .int()
    .min(0)
    .max(2 ** 46 - 1)
    .optional(),
})

/** A host with at most one star and perhaps a port. */
function routeHostProblem(host: string): string | null {
  if ((host.match(/\*/g) ?? []).length > 1) return 'invalid wildcard: must have at most one wildcard'
  if (host.includes('*') && !/^\*\.[^*]+$|^[^*]+\.\*(:\d+)?$/.test(host)) {
    return 'invalid wildcard: must be placed at leftmost or rightmost label'
  }
  const [, inner = '', port] = /^(.*?)(?::(\d+))?$/.exec(host) ?? []
  if (port !== undefined && Number(port) > 65_535) return 'invalid port number'
  return hostProblem(inner.replace('*', 'abc'))
}

const hashed = ['none', 'consumer', 'ip', 'header', 'cookie', 'path', 'query_arg', 'uri_capture'] as const
const token = () => text(256).regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, { error: "expected a token: letters, digits and !#$%&'*+-.^_`|~" })

export const UPSTREAM = z.object({
  ...common,
  name: checked(hostProblem, 256),
  algorithm: oneOf(['round-robin', 'consistent-hashing', 'least-connections', 'latency']).default('round-robin'),
  hash_on: oneOf(hashed).default('none'),
  hash_fallback: oneOf(hashed).default('none'),
  hash_on_header: token().optional(),
  hash_fallback_header: token().optional(),
  hash_on_cookie: token().optional(),
  hash_on_cookie_path: checked(pathProblem).default('/'),
  hash_on_query_arg: text(256).optional(),
  hash_fallback_query_arg: text(256).optional(),
  hash_on_uri_capture: text(256).optional(),
  hash_fallback_uri_capture: text(256).optional(),
  slots: z.int().min(10).max(65_536).default(10_000),
  healthchecks: healthchecks.prefault({}),
  host_header: text(256).optional(),
  use_srv_name: z.boolean().default(false),
})

export const TARGET = z.object({
  ...common,
  target: checked(targetProblem, 300),
  weight: z.int().min(0).max(65_535).default(100),
})

export const CONSUMER = z.object({ ...common, username: text(512).optional(), custom_id: text(512).optional() })

export const PLUGIN = z.object({
  ...common,
  name: text(128),
  instance_name: name().optional(),
  config: z.unknown().optional(),
  protocols: protocolList().optional(),
  enabled: z.boolean().default(true),
  ordering: z.unknown().optional(),
})

const jwtAlgorithms = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
] as const

const VAULT = z.object({
  ...common,
  name: text(128),
  prefix: z.string().regex(/^[a-z][a-z\d-]*?[a-z\d]+$/, { error: 'expected lower case letters, digits and `-`' }),
  description: z.string().optional(),
  config: z.unknown().optional(),
})
export const CA_CERTIFICATE = z.object({ ...common, cert: pem(), cert_digest: text(128).optional() })
export const CERTIFICATE = z.object({
  ...common,
  cert: pem(),
  key: pem(),
  cert_alt: pem().optional(),
  key_alt: pem().optional(),
  passphrase: text().optional(),
})
export const SNI = z.object({ ...common, name: checked(snisProblem, 256) })
export const KEYAUTH = z.object({ ...common, key: text(4_096).optional(), ttl: z.number().min(0).optional() })
export const JWT_SECRET = z.object({
  ...common,
  key: text(4_096).optional(),
  secret: text(8_192).optional(),
  rsa_public_key: pem().optional(),
  algorithm: oneOf(jwtAlgorithms).default('HS256'),
})
export const BASICAUTH = z.object({ ...common, username: text(4_096), password: text(8_192) })
export const HMACAUTH = z.object({ ...common, username: text(4_096), secret: text(8_192).optional() })
export const ACL = z.object({ ...common, group: text(512) })

/** Every kind of entity, those that others refer to first. */
export const ENTITIES: Readonly<Record<EntityKind, EntityDefinition>> = {
  vaults: {
    singular: 'vault',
    references: {},
    needs: [],
    key: 'prefix',
    unique: ['prefix'],
    idOf: ['prefix'],
    schema: VAULT,
  },
  ca_certificates: {
    singular: 'ca_certificate',
    references: {},
    needs: [],
    key: null,
    unique: [],
    idOf: ['cert'],
    schema: CA_CERTIFICATE,
  },
  certificates: {
    singular: 'certificate',
    references: {},
    needs: [],
    key: null,
    unique: [],
    idOf: ['cert'],
    schema: CERTIFICATE,
  },
  snis: {
    singular: 'sni',
    references: { certificate: 'certificates' },
    needs: ['certificate'],
    key: 'name',
    unique: ['name'],
    idOf: ['name'],
    schema: SNI,
  },
  upstreams: {
    singular: 'upstream',
    references: { client_certificate: 'certificates' },
    needs: [],
    key: 'name',
    unique: ['name'],
    idOf: ['name'],
    schema: UPSTREAM,
  },
  targets: {
    singular: 'target',
    references: { upstream: 'upstreams' },
    needs: ['upstream'],
    key: null,
    unique: [],
    idOf: ['upstream', 'target'],
    schema: TARGET,
  },
  services: {
    singular: 'service',
    references: { client_certificate: 'certificates' },
    needs: [],
    key: 'name',
    unique: ['name'],
    idOf: ['name'],
    schema: SERVICE,
  },
  routes: {
    singular: 'route',
    references: { service: 'services' },
    needs: [],
    key: 'name',
    unique: ['name'],
    idOf: ['name'],
    schema: ROUTE,
  },
  consumers: {
    singular: 'consumer',
    references: {},
    needs: [],
    key: 'username',
    unique: ['username', 'custom_id'],
    idOf: ['username'],
    schema: CONSUMER,
  },
  plugins: {
    singular: 'plugin',
    references: { route: 'routes', service: 'services', consumer: 'consumers' },
    needs: [],
    key: 'instance_name',
    unique: ['instance_name'],
    idOf: ['name', 'route', 'service', 'consumer'],
    schema: PLUGIN,
  },
  keyauth_credentials: {
    singular: 'keyauth_credential',
    references: { consumer: 'consumers' },
    needs: ['consumer'],
    key: 'key',
    unique: ['key'],
    idOf: ['key'],
    schema: KEYAUTH,
  },
  jwt_secrets: {
    singular: 'jwt_secret',
    references: { consumer: 'consumers' },
    needs: ['consumer'],
    key: 'key',
    unique: ['key'],
    idOf: ['key'],
    schema: JWT_SECRET,
  },
  basicauth_credentials: {
    singular: 'basicauth_credential',
    references: { consumer: 'consumers' },
    needs: ['consumer'],
    key: 'username',
    unique: ['username'],
    idOf: ['username'],
    schema: BASICAUTH,
  },
  hmacauth_credentials: {
    singular: 'hmacauth_credential',
    references: { consumer: 'consumers' },
    needs: ['consumer'],
    key: 'username',
    unique: ['username'],
    idOf: ['username'],
    schema: HMACAUTH,
  },
  acls: {
    singular: 'acl',
    references: { consumer: 'consumers' },
    needs: ['consumer'],
    key: null,
    unique: [],
    idOf: ['consumer', 'group'],
    schema: ACL,
  },
}

export const KINDS = Object.keys(ENTITIES) as readonly EntityKind[]

/** Kinds whose entities may stand below those of a kind, with the field that refers to them. */
export function childrenOf(kind: EntityKind): readonly { readonly kind: EntityKind; readonly field: string }[] {
  return KINDS.flatMap((child) =>
    Object.entries(ENTITIES[child].references).flatMap(([field, referred]) => (referred === kind ? [{ kind: child, field }] : [])),
  )
}
