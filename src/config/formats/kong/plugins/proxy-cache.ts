import { MEDIA_RANGE } from '../../../../core/media-types.ts'
import { list, object, oneOf, z } from '../../../../core/schema.ts'
import type { KongPlugin, PluginSurroundings } from '../types.ts'
import { filled, headerName } from './config-schema.ts'

/** A tag of the plugin, which means nothing to Kong, by which a file says that it wants answers shared as Kong shares them. */
const SHARING_TAG = 'turnpike-share-authenticated'

/** What the native form takes at most. */
const TTL_MAX_S = 30 * 86_400
const KEPT_MAX_S = 7 * 86_400
const KEY_HEADERS_MAX = 16
const STATUS_MAX = 599

const schema = object({
  strategy: oneOf(['memory']),
  memory: object({ dictionary_name: filled().default('kong_db_cache') }).prefault({}),
  response_code: list(z.int().min(100).max(900), { min: 1, max: 50 }).default([200, 301, 404]),
  request_method: list(oneOf(['HEAD', 'GET', 'POST', 'PATCH', 'PUT']), { max: 20 }).default(['GET', 'HEAD']),
  content_type: list(filled(), { max: 50 }).default(['text/plain', 'application/json']),
  cache_ttl: z.int().positive({ error: 'value must be greater than 0' }).default(300),
  storage_ttl: z.int().optional(),
  cache_control: z.boolean().default(false),
  ignore_uri_case: z.boolean().default(false),
  vary_query_params: list(filled(), { max: 100 }).optional(),
  vary_headers: list(headerName(), { max: 100 }).default([]),
  response_headers: object({
    age: z.boolean().default(true),
    'X-Cache-Status': z.boolean().default(true),
    'X-Cache-Key': z.boolean().default(true),
  }).prefault({}),
})

type Config = z.output<typeof schema>

export const proxyCache: KongPlugin<Config> = {
  name: 'proxy-cache',
  schema,
  rules: {
    'config#shared': {
      fidelity: 'approximated',
      reason: `Kong gives an answer to a request with \`Authorization\`, a cookie or an API key to everybody of the same consumer, or to everybody where there is none; here it is kept for that caller alone, and callers without any of them share theirs. Where answers are the same for all, give the plugin the tag \`${SHARING_TAG}\`, which Kong takes no notice of: they are then shared as Kong does`,
    },
    'config#stored': {
      fidelity: 'approximated',
      reason:
        'answers with `Set-Cookie`, `Vary: *` or of `Cache-Control: no-store` or `private` are kept for nobody else, and the fields that `Vary` names tell answers apart; what a POST, PUT, PATCH or DELETE changes is forgotten; conditional requests and ranges are answered from what is kept; a body of more than 8 MiB is not kept',
    },
    'config.response_headers.X-Cache-Key': {
      fidelity: 'approximated',
      reason: 'the key is a digest as with Kong, but of other parts, the host among them: it is not the same text',
    },
    'config.request_method#unsafe': {
      fidelity: 'unsupported',
      reason:
        'Kong keeps answers to POST, PUT and PATCH without a look at what was sent: two different ones get the same answer; only GET and HEAD are answered',
    },
    'config.request_method#head': {
      fidelity: 'approximated',
      reason: 'HEAD is answered with what GET has brought, and brings nothing itself',
    },
    'config.response_code': { fidelity: 'unsupported', reason: 'there are no statuses above 599, and 206 and 304 are no whole answers' },
    'config.content_type': { fidelity: 'unsupported', reason: 'it is no media type, and nothing is of it' },
    'config.cache_ttl': { fidelity: 'approximated', reason: 'answers are kept for at most 30 days' },
    'config.storage_ttl': {
      fidelity: 'approximated',
      reason:
        'what is not fresh any more is kept for at most 7 days, and is brought up to date by asking the service whether it has changed; with `cache_control` Kong gives it to whoever does not ask for less, and here it is given to nobody',
    },
    'config.cache_control': {
      fidelity: 'approximated',
      reason:
        'answers of `Cache-Control: no-cache` that have a tag or a date are kept, and the service is asked each time whether they have changed',
    },
    'config.vary_headers': { fidelity: 'unsupported', reason: 'at most 16 headers tell answers apart' },
  },
  translate(written, around) {
    const methods = written.request_method.filter((method) => method === 'GET' || method === 'HEAD')
    if (methods.length < written.request_method.length) around.note('config.request_method#unsafe', ['request_method'])
    // Nothing that could be kept: a policy that keeps nothing would only cost.
    if (methods.length === 0) return { policies: [] }
    if (!methods.includes('GET')) around.note('config.request_method#head', ['request_method'])
    if (written.vary_headers.length > KEY_HEADERS_MAX) {
      around.error(`at most ${KEY_HEADERS_MAX} headers can tell answers apart`, ['vary_headers'])
      return { policies: [] }
    }
    const statuses = kept(
      written.response_code,
      (status) => status <= STATUS_MAX && status !== 206 && status !== 304,
      'response_code',
      around,
    )
    const contentTypes = kept(written.content_type, (type) => MEDIA_RANGE.test(type), 'content_type', around)
    if (statuses.length === 0 || contentTypes.length === 0) return { policies: [] }
    const { response_headers: headers } = written
    around.note('config#stored', [])
    if (headers['X-Cache-Key']) around.note('config.response_headers.X-Cache-Key', ['response_headers'])
    const options = {
      ...timesOf(written, around),
      statuses,
      contentTypes,
      methods: [...new Set(methods)],
      keyHeaders: written.vary_headers,
      keyQuery: written.vary_query_params ?? 'sorted',
      ignorePathCase: written.ignore_uri_case,
      ...(sharesAll(written, around) && { shareAuthenticated: 'consumer' }),
      requestDirectives: written.cache_control ? 'bypass' : 'ignore',
      bodyBytesMax: '8MiB',
      collapse: false,
      age: headers.age,
      cacheStatus: false,
      ...(headers['X-Cache-Status'] && { statusHeader: 'X-Cache-Status' }),
      ...(headers['X-Cache-Key'] && { keyHeader: 'X-Cache-Key' }),
    }
    return { policies: [{ kind: 'cache', options }] }
  },
}

function kept<Item>(items: readonly Item[], isFit: (item: Item) => boolean, key: string, around: PluginSurroundings): readonly Item[] {
  for (const [i, item] of items.entries()) if (!isFit(item)) around.note(`config.${key}`, [key, i])
  return items.filter(isFit)
}

/** With `cache_control` the service says for how long. */
function timesOf({ cache_control: obeys, cache_ttl: ttl, storage_ttl: storage }: Config, around: PluginSurroundings) {
  if (obeys) around.note('config.cache_control', ['cache_control'])
  if (!obeys && ttl > TTL_MAX_S) around.note('config.cache_ttl', ['cache_ttl'])
  if (storage !== undefined) around.note('config.storage_ttl', ['storage_ttl'])
  const keptS = Math.min(Math.max(0, (storage ?? 0) - (obeys ? 0 : ttl)), KEPT_MAX_S)
  return { ...(!obeys && { ttl: `${Math.min(ttl, TTL_MAX_S)}s` }), keepStale: `${keptS}s` }
}

function sharesAll({ cache_control: obeys }: Config, around: PluginSurroundings): boolean {
  // Requests with Authorization go past the cache then, as with Kong; and a service says what is private.
  if (obeys) return false
  if (around.plugin.fields.tags.includes(SHARING_TAG)) return true
  around.note('config#shared', [])
  return false
}
