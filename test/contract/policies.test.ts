/** What every policy keeps to, whatever it is for. A new kind needs a line in EXAMPLES. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Exchange } from '../../src/core/exchange.ts'
import type { PolicyDefinition, PolicySteps } from '../../src/core/policy.ts'
import { z } from '../../src/core/schema.ts'
import { POLICIES } from '../../src/policies/index.ts'
import { exchangeOf, testContext } from '../../src/policies/testing.ts'

/** The smallest valid options of each kind, and options that make it do all it can. */
const EXAMPLES: Readonly<Record<string, { readonly minimal: unknown; readonly full: unknown }>> = {
  'request-id': { minimal: {}, full: { header: 'X-Id', trustClient: 'always', format: 'hex' } },
  'correlation-id': { minimal: {}, full: { header: 'X-Id', format: 'origin', respond: true } },
  'kong-log': {
    minimal: { file: '/dev/null' },
    full: {
      http: { url: 'http://127.0.0.1:9/', headers: { Authorization: 'x' } },
      set: { 'request.headers.x': null, environment: 'test' },
    },
  },
  'kong-metrics': { minimal: {}, full: { statusCodes: true, latencies: true, bandwidth: true, consumers: true } },
  'kong-statsd': { minimal: {}, full: { tags: 'dogstatsd', statuses: [{ from: 200, to: 299 }], hostnameInPrefix: true } },
  'user-agent': { minimal: {}, full: { allow: ['^good'], deny: ['.'], bots: false } },
  'request-size': { minimal: { bodyMax: '1KiB' }, full: { bodyMax: 10, headerBytesMax: '1KiB' } },
  'ip-access': { minimal: { deny: ['10.0.0.1'] }, full: { allow: ['192.0.2.0/24', '::/0'], deny: ['192.0.2.9'], by: 'peer' } },
  'forwarded-headers': { minimal: {}, full: { standard: true } },
  cors: {
    minimal: { origins: ['*'] },
    full: { origins: ['https://a.example', '~https://x'], headers: ['*'], exposedHeaders: ['X-A'], credentials: true, maxAge: '1h' },
  },
  'security-headers': { minimal: {}, full: { contentSecurityPolicy: "default-src 'none'", hsts: { always: true }, override: true } },
  'latency-headers': { minimal: {}, full: { service: 'X-A', via: true, server: 'a' } },
  'client-certificate': {
    minimal: {},
    full: { allowUnknown: true, user: 'common-name', issuers: ['CN=CA'], forward: true },
  },
  jwt: {
    minimal: { secret: 'a secret' },
    full: {
      jwksUrl: 'http://127.0.0.1:9/',
      algorithm: ['ES256', 'EdDSA'],
      audience: 'a',
      from: ['header', 'header:X-A', 'query:q'],
      forward: false,
    },
  },
  'api-key': { minimal: {}, full: { from: ['header:X-A', 'query:q', 'cookie:c', 'header:Authorization'], forward: true, realm: 'r' } },
  basic: { minimal: {}, full: { forward: true, cacheTtl: '1s', realm: 'r' } },
  hmac: {
    minimal: {},
    full: {
      requiredHeaders: ['request-line', 'X-A'],
      skew: '1m',
      algorithms: ['hmac-sha512'],
      validateBody: true,
      bytesMax: '1KiB',
      forward: true,
    },
  },
  authentication: { minimal: {}, full: { require: 'any' } },
  users: {
    minimal: { url: 'http://127.0.0.1:9/{sub}' },
    full: { url: 'http://127.0.0.1:9/{sub}', headers: { 'X-A': '1' }, onError: 'stale', onStoreError: 'bypass', required: true },
  },
  'identity-headers': { minimal: {}, full: { subject: 'X-A', roles: 'X-B', permissions: 'X-C', claims: { email: 'X-D' }, method: false } },
  authorize: {
    minimal: { permission: 'a' },
    full: {
      permission: 'a',
      permissions: ['a', 'b'],
      roles: { any: ['a'], all: ['b'] },
      scopes: { all: ['a'] },
      claims: { 'a.b': [1, true, 'c'], '/d': false },
      groups: { allow: ['a'], deny: ['b'] },
      consumers: { deny: ['a'] },
      admin: false,
    },
  },
  'rate-limit': {
    minimal: { rate: 1 },
    full: {
      limits: [
        { name: 'a', by: ['user', 'route'], rate: 10, per: 'minute', capacity: 20 },
        { by: 'header:X-A', window: 'hour', limit: 5, algorithm: 'sliding-window', otherwise: 'ip' },
        { by: ['api-key', 'service'], window: '90s', limit: 5 },
      ],
      cost: 2,
      onStoreError: 'local-share',
      localShare: 0.5,
      headers: 'both',
      ipv6Prefix: 56,
    },
  },
  'request-validation': {
    minimal: { query: true },
    full: {
      body: { type: 'object', properties: { a: { type: 'string', pattern: '^a+$' } } },
      query: { type: 'object', properties: { q: { type: 'integer' } } },
      headers: { properties: { 'X-A': { type: 'integer' } }, required: ['X-B'] },
      params: { required: ['id'] },
      contentTypes: ['application/json', 'text/*'],
      required: false,
      bodyMax: '2KiB',
      report: 'none',
    },
  },
  cache: {
    minimal: {},
    full: {
      ttl: '5m',
      statuses: [200, '3xx'],
      keyHeaders: ['Accept-Language'],
      shareAuthenticated: true,
      requestDirectives: 'obey',
      bodyBytesMax: '64KiB',
      staleWhileRevalidate: '10s',
      staleIfError: '1h',
      keepStale: '2h',
      collapse: false,
      tagsHeader: 'Surrogate-Key',
    },
  },
  'grpc-web': { minimal: {}, full: {} },
  'grpc-transcoding': {
    minimal: { reflection: { address: '127.0.0.1:9' } },
    full: {
      proto: ['protos/shop.proto'],
      importPaths: ['protos'],
      services: ['shop.Shop'],
      basePath: '/a',
      autoMapping: true,
      ignoreUnknownParameters: true,
      ignoreUnknownFields: true,
      messageBytesMax: '1KiB',
      print: { defaults: true, enumsAsNumbers: true, protoNames: true },
    },
  },
  redirect: { minimal: { to: '/x' }, full: { to: 'https://{host}{path}?{query}', status: 302, preserveQuery: false } },
  'static-response': { minimal: {}, full: { status: 404, headers: { 'X-A': '1' }, body: 'gone', contentType: 'text/html' } },
  transform: {
    minimal: {},
    full: {
      request: {
        method: 'PUT',
        path: '/v2/{query.q}',
        query: { remove: ['a'], rename: { q: 'search' }, set: { tenant: '{user}' }, add: { b: '{header.X-A}' } },
        headers: { remove: ['X-A'], rename: { 'X-B': 'X-C' }, set: { 'X-D': '{method}' }, add: { 'X-E': '{host}' } },
        body: {
          unwrap: 'data',
          remove: ['/a/*/b'],
          rename: { '/c': 'd', '/e': '/f/g' },
          set: { '/h': ['{claim.tid}', { i: 1 }] },
          wrap: 'body',
        },
        notJson: 'pass',
        timestampHeader: 'X-Time',
      },
      response: {
        status: { preset: 'gateway-errors', map: { 418: 400 } },
        headers: { set: { 'X-F': '{upstream.status}' } },
        body: { template: { data: '{body}', id: '{request.id}' }, statuses: [200, '4xx'] },
        notJson: 'refuse',
        timeHeader: false,
      },
      bodyBytesMax: '2KiB',
    },
  },
  rewrite: { minimal: { stripPrefix: '/a' }, full: { stripPrefix: '/a', path: { match: 'b', replace: 'c' }, addPrefix: '/d' } },
  soap: {
    minimal: { wsdl: 'examples/soap/stock.wsdl' },
    full: {
      wsdl: 'examples/soap/stock.wsdl',
      service: 'StockService',
      port: 'StockPort',
      basePath: '/a',
      endpointPath: '/services/stock',
      operations: { GetQuote: { method: 'GET', path: '/quotes/:symbol' } },
      expose: ['GetQuote', 'PlaceOrder'],
      faults: { UnknownSymbol: 404 },
      usernameToken: { username: 'gateway', password: 'secret', type: 'digest' },
      bodyBytesMax: '2KiB',
    },
  },
  headers: {
    minimal: {},
    full: { request: { remove: ['X-A'], set: { Host: 'h', 'X-B': '1' } }, response: { add: { 'X-C': '1' }, rename: { 'X-D': 'X-E' } } },
  },
}

/** What options name as files. */
const FILES: Readonly<Record<string, string>> = {
  'protos/shop.proto': `
    syntax = "proto3";
    package shop;
    import "google/api/annotations.proto";
    service Shop { rpc Get(Item) returns (Item) { option (google.api.http) = { get: "/{name}" }; } }
    message Item { string name = 1; string q = 2; }`,
  'examples/soap/stock.wsdl': textOf('examples/soap/stock.wsdl'),
  'examples/soap/stock.xsd': textOf('examples/soap/stock.xsd'),
}

function textOf(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
}

/** As workers do it: with options whose files have been read. */
async function compileExample(policy: PolicyDefinition<unknown>, written: unknown): Promise<PolicySteps> {
  const options = (await policy.loadSchema()).parse(written)
  const read = (path: string): Promise<string> => Promise.resolve(FILES[path] ?? assert.fail(path))
  const resolved = await policy.resolve?.(options, { read, readBytes: async (path) => Buffer.from(await read(path)) })
  await policy.load?.()
  return policy.compile(resolved ?? options, testContext)
}

/** All that no step may change: what was received, who sent it, and what the runtime keeps. */
function untouchable(exchange: Exchange): string {
  const { request, client, listener, route, error, attempts, startedAt, requestBytes, responseBytes, params, response } = exchange
  const { headers, ...head } = request
  return JSON.stringify({
    head,
    received: headers.bytes.toString('latin1'),
    client,
    listener,
    route,
    error,
    attempts,
    startedAt,
    requestBytes,
    responseBytes,
    params: [...params],
    status: response.status,
    bodyLength: response.bodyLength,
  })
}

test('kinds are unique, in kebab case, and each has an example here', () => {
  const kinds = POLICIES.map(({ kind }) => kind)
  assert.equal(new Set(kinds).size, kinds.length)
  for (const kind of kinds) assert.match(kind, /^[a-z]+(-[a-z]+)*$/)
  assert.deepEqual(Object.keys(EXAMPLES).toSorted(), kinds.toSorted())
})

for (const policy of POLICIES) {
  const { kind } = policy
  const { minimal, full } = EXAMPLES[kind] ?? { minimal: {}, full: {} }

  test(`${kind}: the schema fills in defaults, which it takes again, and refuses unknown keys`, async () => {
    const schema = await policy.loadSchema()
    const options = schema.parse(minimal)
    // Workers get options as JSON: what a policy compiles from must survive that.
    assert.deepEqual(JSON.parse(JSON.stringify(options)), options)
    assert.deepEqual(schema.parse(options), options)
    assert.equal(schema.safeParse({ ...Object(minimal), nonsense: 1 }).success, false)
  })

  test(`${kind}: every option is described`, async () => {
    const json = z.toJSONSchema(await policy.loadSchema(), { io: 'input' })
    for (const [key, property] of Object.entries(json.properties ?? {})) {
      assert.ok(typeof property === 'object' && property.description !== undefined, key)
    }
    assert.match(policy.summary, /^[A-Z].*\.$/)
  })

  test(`${kind}: the user page names every option`, async () => {
    const page = readFileSync(new URL(`../../src/policies/${kind}/README.md`, import.meta.url), 'utf8')
    const json = z.toJSONSchema(await policy.loadSchema(), { io: 'input' })
    for (const key of Object.keys(json.properties ?? {})) assert.ok(page.includes(`\`${key}\``), key)
  })

  test(`${kind}: steps change the edits of an exchange and nothing else`, async () => {
    for (const options of [minimal, full]) {
      const steps = await compileExample(policy, options)
      for (const trusted of [false, true]) {
        const exchange = exchangeOf({
          trusted,
          path: '/a/b',
          query: 'q=1',
          headers: [
            ['Host', 'example.com'],
            ['X-A', '1'],
            ['X-Id', 'abc'],
          ],
        })
        const before = untouchable(exchange)
        const restore = exchange.request.headers.mark()
        await steps.onRequest?.(exchange)
        await steps.onResponse?.(exchange)
        assert.equal(untouchable(exchange), before)
        // Shadow takes edits back by this mark: nothing may have gone around it.
        exchange.request.headers.restore(restore)
        assert.deepEqual(exchange.request.headers.toPairs(), [
          ['host', 'example.com'],
          ['x-a', '1'],
          ['x-id', 'abc'],
        ])
      }
    }
  })

  test(`${kind}: the same request gives the same verdict twice`, async () => {
    const steps = await compileExample(policy, full)
    const verdict = async () => (await steps.onRequest?.(exchangeOf({ path: '/a/b' }))) ?? null
    assert.deepEqual(await verdict(), await verdict())
  })
}
