/** What a service gets of a request: `reference/kong-semantics.md` 2.5. Read from Kong's source, not measured. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startKong } from './kong-gateway.ts'

/** Routes by service path, whether the path is stripped, and route path. */
interface Shape {
  readonly service: string | null
  readonly strip: boolean
  readonly path: string
  /** What the service gets for what the client asks. */
  readonly sent: Readonly<Record<string, string>>
}

const SHAPES: readonly Shape[] = [
  { service: null, strip: true, path: '/foo', sent: { '/foo': '/', '/foo/': '/', '/foo/bar': '/bar', '/foobar': '/bar' } },
  { service: '/', strip: true, path: '/foo', sent: { '/foo': '/', '/foo/': '/', '/foo/bar': '/bar', '/foobar': '/bar' } },
  { service: '/api', strip: true, path: '/foo', sent: { '/foo': '/api', '/foo/': '/api/', '/foo/bar': '/api/bar', '/foobar': '/api/bar' } },
  {
    service: '/api/',
    strip: true,
    path: '/foo',
    sent: { '/foo': '/api', '/foo/': '/api/', '/foo/bar': '/api/bar', '/foobar': '/api/bar' },
  },
  { service: '/api', strip: true, path: '/', sent: { '/': '/api', '/foo/bar': '/api/foo/bar' } },
  { service: '/api', strip: false, path: '/', sent: { '/': '/api', '/foo/bar': '/api/foo/bar' } },
  { service: '/api/', strip: false, path: '/', sent: { '/': '/api/', '/foo/bar': '/api/foo/bar' } },
  { service: null, strip: false, path: '/foo', sent: { '/foo': '/foo', '/foo/bar/': '/foo/bar/' } },
  { service: '/api', strip: true, path: '~/v[0-9]+/(?<kind>a|b)', sent: { '/v12/a': '/api', '/v12/a/c': '/api/c', '/v3/bc': '/api/c' } },
]

for (const { service, strip, path, sent } of SHAPES) {
  test(`2.5 service path ${service ?? '–'}, strip_path ${strip}, route path ${path}`, async (context) => {
    const kong = await startKong(
      context,
      `
_format_version: "3.0"
services:
  - name: echo
    url: http://ECHO${service ?? ''}
    routes: [{ name: a, paths: ["${path}"], strip_path: ${strip} }]
`,
    )
    for (const [asked, wanted] of Object.entries(sent)) assert.equal((await kong.upstreamOf(asked)).url, wanted, asked)
  })
}

/** One service on `/api`, and these fields of its one route. */
function file(route: string, service = 'url: "http://ECHO/api"', more = ''): string {
  return `
_format_version: "3.0"
services:
  - { name: echo, ${service}, routes: [{ name: a, ${route} }] }
${more}`
}

test('2.5 a route without paths strips nothing', async (context) => {
  const kong = await startKong(context, file('methods: [GET]'))
  assert.equal((await kong.upstreamOf('/')).url, '/api')
  assert.equal((await kong.upstreamOf('/foo/bar')).url, '/api/foo/bar')
})

test('2.5 of several paths the one that matches is stripped', async (context) => {
  const kong = await startKong(context, file('paths: [/foo, /foo/bar, "~/re/[0-9]+"]'))
  assert.equal((await kong.upstreamOf('/foo/bar/x')).url, '/api/x')
  assert.equal((await kong.upstreamOf('/foo/x')).url, '/api/x')
  assert.equal((await kong.upstreamOf('/re/12/x')).url, '/api/x')
})

test('2.5 the query is kept as it is, an empty one too', async (context) => {
  const kong = await startKong(context, file('paths: [/foo]'))
  for (const query of ['?a=1&b=%20&&c', '?', '??', '?a?', '']) {
    assert.equal((await kong.upstreamOf(`/foo/x${query}`)).url, `/api/x${query}`)
  }
  assert.equal((await kong.upstreamOf('/foo?')).url, '/api?')
})

test('2.5 a path that leaves a dot segment is refused', async (context) => {
  const kong = await startKong(context, file('paths: [/foo]'))
  assert.equal((await kong.ask('/foo../secret')).status, 400)
  assert.equal(kong.received.length, 0)
})

test('2.5 the host is the target’s, or the client’s with preserve_host, or host_header', async (context) => {
  const target = await startKong(context, file('paths: [/]'))
  assert.equal((await target.upstreamOf('/', { headers: { Host: 'shop.example' } })).headers['host'], `127.0.0.1:${target.echoPort}`)
  const client = await startKong(context, file('paths: [/], preserve_host: true'))
  assert.equal((await client.upstreamOf('/', { headers: { Host: 'Shop.example:8000' } })).headers['host'], 'Shop.example:8000')
  const upstream = 'upstreams: [{ name: up.example, host_header: inner.example, targets: [{ target: "ECHO" }] }]'
  const header = await startKong(context, file('paths: [/]', 'host: up.example', upstream))
  assert.equal((await header.upstreamOf('/', { headers: { Host: 'shop.example' } })).headers['host'], 'inner.example')
  const both = await startKong(context, file('paths: [/], preserve_host: true', 'host: up.example', upstream))
  assert.equal((await both.upstreamOf('/', { headers: { Host: 'shop.example' } })).headers['host'], 'shop.example')
})

const CLAIMS = {
  Host: 'Shop.example:8000',
  'X-Forwarded-For': '203.0.113.9',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': 'outer.example',
  'X-Forwarded-Port': '8443',
  'X-Forwarded-Path': '/outer/foo',
  'X-Forwarded-Prefix': '/outer',
  'X-Real-IP': '203.0.113.8',
}

/** The headers in question, as the service got them. */
function forwarded(headers: Readonly<Record<string, string>>): Readonly<Record<string, string | undefined>> {
  const names = ['for', 'proto', 'host', 'port', 'path', 'prefix'].map((name) => `x-forwarded-${name}`)
  return Object.fromEntries([...names, 'x-real-ip'].map((name) => [name, headers[name]]))
}

test('2.5 what a client that is not trusted claims is overwritten, but for X-Forwarded-For, which it is put behind', async (context) => {
  const kong = await startKong(context, file('paths: [/foo]'))
  const wanted = {
    'x-forwarded-for': '203.0.113.9, 127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'shop.example',
    'x-forwarded-port': String(kong.port),
    'x-forwarded-path': '/foo/./bar',
    'x-forwarded-prefix': '/foo',
    'x-real-ip': '127.0.0.1',
  }
  assert.deepEqual(forwarded((await kong.upstreamOf('/foo/./bar?q=1', { headers: CLAIMS })).headers), wanted)
  const bare = await kong.upstreamOf('/foo/./bar?q=1', { headers: { Host: 'shop.example' } })
  assert.deepEqual(forwarded(bare.headers), { ...wanted, 'x-forwarded-for': '127.0.0.1' })
})

test('2.5 what a trusted proxy says is kept, and what it leaves out filled in', async (context) => {
  const kong = await startKong(context, file('paths: [/foo]'), { env: { KONG_TRUSTED_IPS: '127.0.0.1' } })
  assert.deepEqual(forwarded((await kong.upstreamOf('/foo/bar', { headers: CLAIMS })).headers), {
    'x-forwarded-for': '203.0.113.9, 127.0.0.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'outer.example',
    'x-forwarded-port': '8443',
    'x-forwarded-path': '/outer/foo',
    'x-forwarded-prefix': '/outer',
    'x-real-ip': '203.0.113.9',
  })
  const headers = { Host: 'shop.example', 'X-Forwarded-Proto': 'https' }
  assert.deepEqual(forwarded((await kong.upstreamOf('/foo/bar', { headers })).headers), {
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'shop.example',
    'x-forwarded-port': String(kong.port),
    'x-forwarded-path': '/foo/bar',
    'x-forwarded-prefix': '/foo',
    'x-real-ip': '127.0.0.1',
  })
})

test('2.5 no prefix is told for /, nor where nothing is stripped', async (context) => {
  const root = await startKong(context, file('paths: [/]'))
  const kept = await startKong(context, file('paths: [/foo], strip_path: false'))
  for (const kong of [root, kept]) {
    assert.equal((await kong.upstreamOf('/foo', { headers: CLAIMS })).headers['x-forwarded-prefix'], undefined)
  }
})

test('2.5 hop-by-hop headers stay here: what Connection names, Proxy, Proxy-Connection, TE but for trailers', async (context) => {
  const kong = await startKong(context, file('paths: [/]'))
  const sent = {
    Connection: 'close, X-Hop',
    'X-Hop': '1',
    Proxy: 'http://evil.example',
    'Proxy-Connection': 'keep-alive',
    'Keep-Alive': 'timeout=5',
    'Proxy-Authorization': 'Basic YTpi',
    TE: 'gzip',
    'X-Stays': '1',
  }
  const { headers } = await kong.upstreamOf('/', { headers: sent })
  for (const name of ['x-hop', 'proxy', 'proxy-connection', 'keep-alive', 'proxy-authorization', 'te'])
    assert.equal(headers[name], undefined, name)
  assert.equal(headers['x-stays'], '1')
})

test('2.5 only an upgrade to WebSocket is passed through', async (context) => {
  const kong = await startKong(context, file('paths: [/]'))
  const { headers } = await kong.upstreamOf('/', { headers: { Connection: 'Upgrade', Upgrade: 'h2c' } })
  assert.equal(headers['upgrade'], undefined)
})
