/** Which configuration of a plugin applies: 2.8 of the reference. Read from Kong's source, not measured against a running Kong. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { problemsOfKong, startKong } from './kong-gateway.ts'

interface Scope {
  readonly service?: string
  readonly route?: string
  readonly consumer?: string
}

/** From the most to the least specific. Each answers with its own status. */
const SCOPES: readonly Scope[] = [
  { route: 'r', service: 's', consumer: 'alice' },
  { route: 'r', consumer: 'alice' },
  { service: 's', consumer: 'alice' },
  { route: 'r', service: 's' },
  { consumer: 'alice' },
  { route: 'r' },
  { service: 's' },
  {},
]

const KEY = 'a-key-of-alice-that-is-long'

function documentOf(scopes: readonly Scope[]): Record<string, unknown> {
  return {
    _format_version: '3.0',
    services: [
      {
        name: 's',
        url: 'http://ECHO',
        routes: [
          { name: 'r', paths: ['/r'] },
          { name: 'other', paths: ['/other'] },
        ],
      },
      { name: 'elsewhere', url: 'http://ECHO', routes: [{ name: 'elsewhere', paths: ['/elsewhere'] }] },
    ],
    consumers: [{ username: 'alice', keyauth_credentials: [{ key: KEY }] }],
    plugins: [
      // The rest of a request without a key is that of a stranger.
      { name: 'key-auth', config: { anonymous: 'stranger' } },
      ...scopes.map((scope) => ({
        ...scope,
        name: 'request-termination',
        config: { status_code: 200, body: JSON.stringify(scope), content_type: 'text/plain' },
      })),
    ],
  }
}

async function start(t: TestContext, scopes: readonly Scope[]) {
  const document = documentOf(scopes)
  const consumers = document['consumers'] as unknown[]
  consumers.push({ username: 'stranger' })
  const kong = await startKong(t, JSON.stringify(document))
  return async (path: string, key: string | null): Promise<string | null> => {
    const { body, headers } = await kong.ask(path, { headers: key === null ? {} : { apikey: key } })
    return headers['content-type'] === 'application/json' ? null : body
  }
}

for (let first = 0; first < SCOPES.length; first++) {
  const inForce = SCOPES.slice(first)
  const name = Object.keys(SCOPES[first] ?? {}).join('+') || 'global'
  test(`2.8 ${name} wins over all that is less specific`, async (t) => {
    const winner = await start(t, inForce)
    assert.equal(await winner('/r', KEY), JSON.stringify(inForce[0]))
  })
}

for (const [name, narrow, wide] of [
  ['route+service over consumer', { route: 'r', service: 's' }, { consumer: 'alice' }],
  ['service+consumer over route+service', { service: 's', consumer: 'alice' }, { route: 'r', service: 's' }],
  ['consumer over route', { consumer: 'alice' }, { route: 'r' }],
  ['service+consumer over consumer', { service: 's', consumer: 'alice' }, { consumer: 'alice' }],
] as const) {
  test(`2.8 ${name}`, async (t) => {
    const winner = await start(t, [wide, narrow])
    assert.equal(await winner('/r', KEY), JSON.stringify(narrow))
    const general = [narrow, wide].find((scope) => JSON.stringify(scope) === '{"consumer":"alice"}')
    assert.equal(await winner('/elsewhere', KEY), general === undefined ? null : JSON.stringify(general))
  })
}

test('2.8 a configuration for a service and a consumer holds on each of its routes, for that consumer alone', async (t) => {
  const winner = await start(t, [{ service: 's', consumer: 'alice' }])
  assert.equal(await winner('/r', KEY), '{"service":"s","consumer":"alice"}')
  assert.equal(await winner('/other', KEY), '{"service":"s","consumer":"alice"}')
  assert.equal(await winner('/r', null), null)
  assert.equal(await winner('/elsewhere', KEY), null)
})

test('2.8 a configuration for a route and a service that is not its own never applies', async (t) => {
  const scopes = [{ route: 'elsewhere', service: 's' }]
  const winner = await start(t, scopes)
  assert.equal(await winner('/elsewhere', null), null)
  const problems = await problemsOfKong(JSON.stringify({ ...documentOf(scopes), consumers: [{ username: 'stranger' }] }))
  assert.match(problems.join('\n'), /never applies: it is left out/)
})

test('2.8 one that is not enabled leaves the place to a less specific one', async (t) => {
  const document = documentOf([{}])
  const plugins = document['plugins'] as unknown[]
  plugins.push({ name: 'request-termination', route: 'r', enabled: false, config: { status_code: 418 } })
  const kong = await startKong(t, JSON.stringify({ ...document, consumers: [{ username: 'stranger' }] }))
  assert.equal((await kong.ask('/r')).body, '{}')
})

test('2.8 configurations are not merged: what the broader one adds is gone', async (t) => {
  const document = {
    _format_version: '3.0',
    services: [
      {
        name: 's',
        url: 'http://ECHO',
        routes: [
          { name: 'r', paths: ['/r'] },
          { name: 'other', paths: ['/other'] },
        ],
      },
    ],
    plugins: [
      { name: 'cors', config: { origins: ['http://a.example'], credentials: true } },
      { name: 'cors', route: 'r', config: { origins: ['http://b.example'] } },
    ],
  }
  const kong = await startKong(t, JSON.stringify(document))
  const { headers } = await kong.ask('/r', { headers: { Origin: 'http://a.example' } })
  assert.equal(headers['access-control-allow-credentials'], undefined)
  const other = await kong.ask('/other', { headers: { Origin: 'http://a.example' } })
  assert.equal(other.headers['access-control-allow-credentials'], 'true')
})

test('2.8 plugins that act before the consumer is known are refused for one', async () => {
  for (const name of ['key-auth', 'jwt', 'basic-auth', 'hmac-auth', 'acl', 'cors', 'bot-detection']) {
    const config = name === 'acl' ? { allow: ['a'] } : {}
    const document = { _format_version: '3.0', consumers: [{ username: 'alice', plugins: [{ name, config }] }] }
    const problems = await problemsOfKong(JSON.stringify(document))
    assert.ok(
      problems.some((problem) => problem.includes('value must be null')),
      `${name}: ${problems.join('\n')}`,
    )
  }
})

test('2.8 a plugin has one configuration for each place', async () => {
  const plugin = { name: 'request-termination', service: 's' }
  const document = { _format_version: '3.0', services: [{ name: 's', url: 'http://a' }], plugins: [plugin, plugin] }
  const problems = await problemsOfKong(JSON.stringify(document))
  assert.match(problems.join('\n'), /another plugin `[\w-]+` is for the same route, service and consumer/)
})

test('2.8 other plugins are refused by name with what to do, or left out with a warning', async (t) => {
  const document = {
    _format_version: '3.0',
    services: [{ name: 's', url: 'http://ECHO', routes: [{ name: 'r', paths: ['/'] }] }],
    plugins: [{ name: 'openid-connect' }, { name: 'pre-function' }, { name: 'my-own' }],
  }
  const refused = await problemsOfKong(JSON.stringify(document))
  assert.equal(refused.length, 3)
  assert.match(refused.join('\n'), /plugin openid-connect cannot be carried over: of Kong Enterprise; use jwt/)
  assert.match(refused.join('\n'), /plugin pre-function cannot be carried over: code in Lua is not run/)
  assert.match(refused.join('\n'), /plugin my-own cannot be carried over: it is none of Kong's plugins that are known here/)
  const kong = await startKong(t, JSON.stringify(document), { load: { skipUnsupported: true } })
  assert.equal((await kong.ask('/')).status, 200)
  assert.equal(kong.loaded.warnings.filter(({ message }) => message.includes('is left out')).length, 3)
  assert.deepEqual(
    kong.loaded.kong[0]?.notes.map(({ entity, fidelity }) => [entity, fidelity]),
    [
      ['plugin openid-connect', 'unsupported'],
      ['plugin pre-function', 'unsupported'],
      ['plugin my-own', 'unsupported'],
    ],
  )
})
