import { object, oneOf, z } from '../../../../core/schema.ts'
import type { KongPlugin, PluginSurroundings, TranslatedPlugin, Written } from '../types.ts'
import { filled, headerName, port, timeout } from './config-schema.ts'

const PERIODS = ['second', 'minute', 'hour', 'day', 'month', 'year'] as const
/** Longest wait for an answer of Redis that the native form takes. */
const COMMAND_TIMEOUT_MAX_MS = 60_000

const limit = () => z.number().positive({ error: 'value must be greater than 0' }).max(1e9).optional()

const REDIS = {
  host: filled().optional(),
  port: port().default(6379),
  timeout: timeout().default(2000),
  username: filled().optional(),
  password: z.string().optional(),
  database: z.int().min(0).default(0),
  ssl: z.boolean().default(false),
  ssl_verify: z.boolean().default(false),
  server_name: filled().optional(),
}

const schema = object({
  second: limit(),
  minute: limit(),
  hour: limit(),
  day: limit(),
  month: limit(),
  year: limit(),
  limit_by: oneOf(['consumer', 'credential', 'ip', 'service', 'header', 'path']).default('consumer'),
  header_name: headerName().optional(),
  path: filled().startsWith('/', { error: 'should start with: /' }).optional(),
  policy: oneOf(['local', 'redis', 'cluster']).default('local'),
  fault_tolerant: z.boolean().default(true),
  redis: object(REDIS).prefault({}),
  redis_host: filled().optional(),
  redis_port: port().optional(),
  redis_timeout: timeout().optional(),
  redis_username: filled().optional(),
  redis_password: z.string().optional(),
  redis_database: z.int().min(0).optional(),
  redis_ssl: z.boolean().optional(),
  redis_ssl_verify: z.boolean().optional(),
  redis_server_name: filled().optional(),
  hide_client_headers: z.boolean().default(false),
  error_code: z.number().gt(0).default(429),
  error_message: filled().default('API rate limit exceeded'),
  sync_rate: z.number().default(-1),
}).superRefine((written, context) => {
  const tell = (message: string, ...path: string[]): void => context.addIssue({ code: 'custom', message, path })
  const given = PERIODS.filter((period) => written[period] !== undefined)
  if (given.length === 0) {
    tell(`at least one of these fields must be non-empty: ${PERIODS.map((period) => `'config.${period}'`).join(', ')}`)
  }
  for (const [i, lower] of given.entries()) {
    for (const upper of given.slice(i + 1)) {
      const [low = 0, high = 0] = [written[lower], written[upper]]
      if (high < low) {
        tell(`The limit for ${upper}(${high.toFixed(1)}) cannot be lower than the limit for ${lower}(${low.toFixed(1)})`, upper)
      }
    }
  }
  if (written.limit_by === 'header' && written.header_name === undefined)
    tell('`config.header_name`: required field missing', 'header_name')
  if (written.limit_by === 'path' && written.path === undefined) tell('`config.path`: required field missing', 'path')
  if (written.policy === 'redis' && redisOf(written).host === undefined)
    tell('`config.redis.host`: required field missing', 'redis', 'host')
  if (written.policy === 'cluster') tell('`cluster` needs a database, and a file has none: expected one of: local, redis', 'policy')
  if (written.sync_rate !== -1 && written.sync_rate < 0.02) tell('Config option sync_rate must be -1, or 0.02 or more', 'sync_rate')
})

type Config = z.output<typeof schema>

export const rateLimiting: KongPlugin<Config> = {
  name: 'rate-limiting',
  schema,
  rules: {
    'config.month': {
      fidelity: 'approximated',
      reason:
        'a window is a month of the calendar (UTC), as in Kong; but Kong forgets its count 30 days after the first call of it, so that the last day of a long month begins anew there',
    },
    'config.year': {
      fidelity: 'approximated',
      reason:
        'a window is a year of the calendar (UTC), as in Kong; but Kong forgets its count after 365 days, so that the last day of a leap year begins anew there',
    },
    'config.policy#refused': {
      fidelity: 'approximated',
      reason:
        'over Redis Kong counts a call in every period before it decides, so that one that a shorter period refuses uses up the longer ones; here a refused call uses up nothing',
    },
    'config.sync_rate': {
      fidelity: 'approximated',
      reason: 'calls are counted in Redis at once, as with `sync_rate: -1`: exact over all nodes',
    },
    'config.redis.ssl_verify': {
      fidelity: 'approximated',
      reason: 'with `ssl` the certificate of Redis is always verified',
    },
    'config.redis.server_name': {
      fidelity: 'unsupported',
      reason: 'the certificate of Redis must be for its `host`',
    },
    'config#fraction': {
      fidelity: 'approximated',
      reason: 'a limit that is no whole number admits what Kong admits, and headers tell it rounded up',
    },
  },
  translate(written, around): TranslatedPlugin {
    const periods = PERIODS.filter((period) => written[period] !== undefined)
    for (const period of ['month', 'year'] as const) if (written[period] !== undefined) around.note(`config.${period}`, [period])
    const fraction = periods.find((period) => !Number.isInteger(written[period]))
    if (fraction !== undefined) around.note('config#fraction', [fraction])
    const by = subjectOf(written)
    const limits = periods.map((period) => ({
      name: period,
      by,
      ...(by !== 'ip' && { otherwise: 'ip' }),
      window: period,
      limit: Math.ceil(written[period] ?? 1),
    }))
    const isRemote = written.policy === 'redis'
    if (isRemote && periods.length > 1) around.note('config.policy#refused', ['policy'])
    if (isRemote && written.sync_rate !== -1) around.note('config.sync_rate', ['sync_rate'])
    const options = {
      limits,
      counter: counterOf(around),
      guard: false,
      headers: written.hide_client_headers ? 'hidden' : 'per-window',
      ...(written.error_code !== 429 && { status: written.error_code }),
      message: written.error_message,
      ipv6Prefix: 128,
      ...(isRemote && { store: 'redis', onStoreError: written.fault_tolerant ? 'open' : 'closed' }),
    }
    return { policies: [{ kind: 'rate-limit', options }], ...(isRemote && { root: { stores: { redis: storeOf(written, around) } } }) }
  },
}

/** As Kong's keys have it: calls count together that the same plugin, or one of the same scope, counts for the same caller. */
function counterOf({ plugin: { scope } }: PluginSurroundings): string {
  const parts = [scope.route === null ? '' : ` route ${scope.route.id}`, scope.service === null ? '' : ` service ${scope.service.id}`]
  return `kong${parts.join('')}`
}

function subjectOf({ limit_by: by, header_name: header = '', path = '' }: Config): string {
  if (by === 'header') return `header:${header}`
  return by === 'path' ? `path:${path}` : by
}

/** The old flat fields count where they are given. */
function redisOf(written: Config): Config['redis'] {
  const { redis } = written
  return {
    host: written.redis_host ?? redis.host,
    port: written.redis_port ?? redis.port,
    timeout: written.redis_timeout ?? redis.timeout,
    username: written.redis_username ?? redis.username,
    password: written.redis_password ?? redis.password,
    database: written.redis_database ?? redis.database,
    ssl: written.redis_ssl ?? redis.ssl,
    ssl_verify: written.redis_ssl_verify ?? redis.ssl_verify,
    server_name: written.redis_server_name ?? redis.server_name,
  }
}

function storeOf(written: Config, around: PluginSurroundings): Written {
  const {
    host = '',
    port: number,
    timeout: ms,
    username,
    password,
    database,
    ssl,
    ssl_verify: verifies,
    server_name: name,
  } = redisOf(written)
  if (ssl && !verifies) around.note('config.redis.ssl_verify', ['redis', 'ssl_verify'])
  if (ssl && name !== undefined && name !== host) around.note('config.redis.server_name', ['redis', 'server_name'])
  return {
    address: `${host.includes(':') ? `[${host}]` : host}:${number}`,
    username,
    ...(password !== '' && { password }),
    database,
    tls: ssl,
    connectTimeout: Math.max(1, ms),
    commandTimeout: Math.min(Math.max(1, ms), COMMAND_TIMEOUT_MAX_MS),
  }
}
