import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemsOfKong, startKong } from './kong-gateway.ts'
import { fieldsLike, withPlugins } from './one-plugin.ts'

const SHARING = /^access-control-|^vary$/
const PREFLIGHT = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'PUT' }

const cors = (config = '{}'): string => `- name: cors\n  config: ${config}\n`

test('2.10 cors: a preflight is 200 and empty, before authentication', async (t) => {
  const kong = await startKong(t, withPlugins(`- name: key-auth\n${cors()}`))
  const headers = { ...PREFLIGHT, 'Access-Control-Request-Headers': 'X-A, X-B' }
  const answer = await kong.ask('/a', { method: 'OPTIONS', headers })
  assert.deepEqual([answer.status, answer.body, answer.headers['content-length']], [200, '', '0'])
  assert.deepEqual(fieldsLike(answer.headers, SHARING), {
    'access-control-allow-origin': '*',
    'access-control-allow-headers': 'X-A, X-B',
    'access-control-allow-methods': 'GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT',
  })
  const refused = await kong.ask('/a', { headers: { Origin: 'https://app.example' } })
  assert.deepEqual([refused.status, fieldsLike(refused.headers, SHARING)], [401, { 'access-control-allow-origin': '*' }])
  assert.equal(kong.received.length, 0)
})

test('2.10 cors: an OPTIONS that is no preflight goes on', async (t) => {
  const kong = await startKong(t, withPlugins(cors()))
  const got = await kong.upstreamOf('/a', { method: 'OPTIONS', headers: { Origin: 'https://app.example' } })
  assert.equal(got.method, 'OPTIONS')
})

test('2.10 cors: all that is configured is told to preflights, and what scripts may read to others', async (t) => {
  const config =
    '{ origins: ["https://app.example"], methods: [GET, PUT], headers: [X-A, X-B], exposed_headers: [X-C, X-D], max_age: 3600, credentials: true, private_network: true }'
  const kong = await startKong(t, withPlugins(cors(config)))
  const headers = { ...PREFLIGHT, 'Access-Control-Request-Private-Network': 'true' }
  assert.deepEqual(fieldsLike((await kong.ask('/a', { method: 'OPTIONS', headers })).headers, SHARING), {
    vary: 'Origin',
    'access-control-allow-origin': 'https://app.example',
    'access-control-allow-credentials': 'true',
    'access-control-allow-headers': 'X-A,X-B',
    'access-control-allow-methods': 'GET,PUT',
    'access-control-max-age': '3600',
    'access-control-allow-private-network': 'true',
  })
  // One origin alone is told to whoever asks.
  assert.deepEqual(fieldsLike((await kong.ask('/a', { headers: { Origin: 'https://evil.example' } })).headers, SHARING), {
    vary: 'Origin',
    'access-control-allow-origin': 'https://app.example',
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'X-C,X-D',
  })
})

test('2.10 cors: `*` with credentials echoes the origin', async (t) => {
  const kong = await startKong(t, withPlugins(cors('{ credentials: true }')))
  assert.deepEqual(fieldsLike((await kong.ask('/a', { headers: { Origin: 'https://app.example' } })).headers, SHARING), {
    'access-control-allow-origin': 'https://app.example',
    vary: 'Origin',
    'access-control-allow-credentials': 'true',
  })
  assert.deepEqual(fieldsLike((await kong.ask('/a')).headers, SHARING), { 'access-control-allow-origin': '*' })
})

test('2.10 cors: an origin that is not listed loses what the service allows it, and is still served', async (t) => {
  const config = '{ origins: ["https://app.example:8443", "https://[a-z]+\\\\.b\\\\.example", ".*\\\\.c\\\\.example"] }'
  const kong = await startKong(t, withPlugins(cors(config)), {
    respond: (_got, response) => {
      response.setHeader('Access-Control-Allow-Origin', '*')
      response.setHeader('Vary', 'Accept')
      response.end()
    },
  })
  const allowed = async (origin: string): Promise<string | undefined> => {
    const { status, headers } = await kong.ask('/a', { headers: { Origin: origin } })
    assert.deepEqual([status, headers['vary']], [200, 'Accept, Origin'])
    return headers['access-control-allow-origin']
  }
  assert.equal(await allowed('https://evil.example'), undefined)
  assert.equal(await allowed('https://app.example'), undefined)
  assert.equal(await allowed('https://app.example:8443'), 'https://app.example:8443')
  assert.equal(await allowed('https://x.b.example'), 'https://x.b.example')
  assert.equal(await allowed('https://x.b.example.evil'), undefined)
  assert.equal(await allowed('http://x.c.example:81'), 'http://x.c.example:81')
  assert.equal(await allowed('https://x.c.example:443'), 'https://x.c.example')
})

test('2.10 cors: preflight_continue leaves preflights to the service, and allow_origin_absent others', async (t) => {
  const kong = await startKong(t, withPlugins(cors('{ preflight_continue: true, allow_origin_absent: false }')))
  const answer = await kong.ask('/a', { method: 'OPTIONS', headers: PREFLIGHT })
  assert.deepEqual([answer.status, fieldsLike(answer.headers, SHARING)], [200, {}])
  assert.equal(kong.received[0]?.method, 'OPTIONS')
  assert.deepEqual(fieldsLike((await kong.ask('/a')).headers, SHARING), {})
  assert.deepEqual(fieldsLike((await kong.ask('/a', { headers: { Origin: 'https://a' } })).headers, SHARING), {
    'access-control-allow-origin': '*',
  })
})

test('2.10 cors: a preflight for a route that does not take OPTIONS finds none', async (t) => {
  const kong = await startKong(t, withPlugins(cors(), { route: 'methods: [GET, PUT]' }))
  assert.equal((await kong.ask('/a', { method: 'OPTIONS', headers: PREFLIGHT })).status, 404)
})

test('2.8 cors: it is for no consumer', async () => {
  const text = `
_format_version: "3.0"
consumers:
  - username: app
    plugins: [{ name: cors }]
`
  assert.match((await problemsOfKong(text)).join(), /error/)
})
