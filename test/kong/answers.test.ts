/** What Kong itself answers, and what it says of every answer: `reference/kong-semantics.md` 2.9. Read from Kong's source, not measured. */
import assert from 'node:assert/strict'
import { connect } from 'node:http2'
import { test } from 'node:test'
import { startKong } from './kong-gateway.ts'
import { assertError } from './refusals.ts'

const REQUEST_ID = /^[0-9a-f]{32}$/

/** A file with one service, and the routes and what else is given. */
function file(routes: string, more = ''): string {
  return `
_format_version: "3.0"
services:
  - name: echo
    url: http://ECHO
    routes:
${routes.replaceAll(/^/gm, '      ')}
${more}`
}

test('2.9 no route: 404 `no Route matched with those values`, whatever plugins are everywhere', async (context) => {
  const kong = await startKong(context, file('- { name: a, paths: [/a], methods: [GET] }', 'plugins: [{ name: key-auth }, { name: cors }]'))
  for (const asked of [
    { target: '/b' },
    { target: '/a', method: 'POST' },
    { target: '/a', method: 'HEAD' },
    { target: '/a', method: 'OPTIONS', headers: { Origin: 'https://x.example', 'Access-Control-Request-Method': 'GET' } },
  ]) {
    const answer = await kong.ask(asked.target, asked)
    assert.equal(answer.status, 404, JSON.stringify(asked))
    if (asked.method !== 'HEAD') assertError(answer, 404, 'no Route matched with those values')
  }
  assert.equal((await kong.ask('/a')).status, 401)
})

test('2.9 short-circuited answers have X-Kong-Response-Latency, Server and X-Kong-Request-Id, and no Via', async (context) => {
  const kong = await startKong(context, file('- { name: a, paths: [/a] }'))
  const { headers, body } = await kong.ask('/b', { headers: { 'X-Kong-Request-Id': 'mine' } })
  assert.match(headers['x-kong-response-latency'] ?? '', /^\d+$/)
  assert.equal(headers['server'], 'turnpike')
  assert.match(headers['x-kong-request-id'] ?? '', REQUEST_ID)
  assert.equal(JSON.parse(body).request_id, headers['x-kong-request-id'])
  for (const absent of ['via', 'x-kong-proxy-latency', 'x-kong-upstream-latency', 'cache-control']) assert.equal(headers[absent], undefined)
})

test('2.9 proxied answers have both latencies and Via, keep Server, and share the request’s id with the service', async (context) => {
  const kong = await startKong(context, file('- { name: a, paths: [/a] }'), {
    respond: (_received, response) => response.setHeader('Server', 'echo/1').end('ok'),
  })
  const { status, headers } = await kong.ask('/a')
  assert.equal(status, 200)
  assert.match(headers['x-kong-upstream-latency'] ?? '', /^\d+$/)
  assert.match(headers['x-kong-proxy-latency'] ?? '', /^\d+$/)
  assert.equal(headers['via'], '1.1 turnpike')
  assert.equal(headers['server'], 'echo/1')
  assert.equal(headers['x-kong-response-latency'], undefined)
  assert.match(headers['x-kong-request-id'] ?? '', REQUEST_ID)
  assert.equal(kong.received[0]?.headers['x-kong-request-id'], headers['x-kong-request-id'])
})

test('2.9 a route without a service: 503 `no Service found with those values`, behind the plugins', async (context) => {
  const kong = await startKong(
    context,
    `
_format_version: "3.0"
routes:
  - { name: open, paths: [/open] }
  - { name: closed, paths: [/closed], plugins: [{ name: key-auth }] }
`,
  )
  assertError(await kong.ask('/open'), 503, 'no Service found with those values')
  assert.equal((await kong.ask('/closed')).status, 401)
})

test('2.9 an https-only route over http: 426 with Upgrade, before the plugins', async (context) => {
  const kong = await startKong(
    context,
    file('- { name: a, paths: [/a], protocols: [https], plugins: [{ name: key-auth }] }\n- { name: all, paths: [/] }'),
  )
  const answer = await kong.ask('/a')
  assertError(answer, 426, 'Please use HTTPS protocol')
  assert.match(answer.headers['connection'] ?? '', /Upgrade/)
  assert.equal(answer.headers['upgrade'], 'TLS/1.2, HTTP/1.1')
  assert.equal(kong.received.length, 0, 'protocols take no part in what matches')
})

test('2.9 over HTTP/2 the 426 has no fields of the connection', async (context) => {
  const kong = await startKong(context, file('- { name: a, paths: [/a], protocols: [https] }'))
  const client = connect(`http://127.0.0.1:${kong.port}`)
  context.after(() => client.destroy())
  const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const stream = client.request({ ':path': '/a' })
    stream.on('response', resolve)
    stream.on('error', reject)
    stream.resume()
  })
  assert.equal(headers[':status'], 426)
  assert.deepEqual([headers['connection'], headers['upgrade']], [undefined, undefined])
})

test('2.9 an https-only route with a redirect: to the host without its port and the URI as it was sent', async (context) => {
  const kong = await startKong(
    context,
    file(
      [301, 302, 307, 308]
        .map((code) => `- { name: r${code}, paths: [/${code}], protocols: [https], https_redirect_status_code: ${code} }`)
        .join('\n'),
    ),
  )
  for (const code of [301, 302, 307, 308]) {
    const { status, headers, body } = await kong.ask(`/${code}/./x?b=1&a=%20`, { headers: { Host: 'Shop.example:8000' } })
    assert.deepEqual([status, headers['location'], body], [code, `https://shop.example/${code}/./x?b=1&a=%20`, ''])
  }
})

test('2.9 a trusted proxy that says https is believed, any other is not', async (context) => {
  const yaml = file('- { name: a, paths: [/a], protocols: [https], https_redirect_status_code: 301 }')
  const headers = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'outer.example' }
  const trusting = await startKong(context, yaml, { env: { KONG_TRUSTED_IPS: '127.0.0.1' } })
  assert.equal((await trusting.ask('/a', { headers })).status, 200)
  const redirected = await trusting.ask('/a', { headers: { ...headers, 'X-Forwarded-Proto': 'http' } })
  assert.equal(redirected.headers['location'], 'https://outer.example/a')
  const plain = await startKong(context, yaml)
  assert.equal((await plain.ask('/a', { headers })).status, 301)
})

const GRPC = `
_format_version: "3.0"
services:
  - name: grpc
    url: grpc://ECHO
    routes:
      - { name: plain, paths: [/plain], protocols: [grpc, grpcs] }
      - { name: secure, paths: [/secure], protocols: [grpcs] }
`

test('2.9 a gRPC route: not gRPC is 415, gRPC over HTTP/1.1 is 426', async (context) => {
  const kong = await startKong(context, GRPC)
  assertError(await kong.ask('/plain/S/M', { method: 'POST' }), 415, 'Non-gRPC request matched gRPC route')
  const answer = await kong.ask('/plain/S/M', {
    method: 'POST',
    headers: { 'Content-Type': 'application/grpc', Accept: 'application/json' },
  })
  assertError(answer, 426, 'Please use HTTP2 protocol')
  assert.equal(answer.headers['upgrade'], 'HTTP/2')
})

test('2.9 gRPC without TLS on a grpcs route is grpc-status 1, and no route is 5', async (context) => {
  const kong = await startKong(context, GRPC)
  const client = connect(`http://127.0.0.1:${kong.port}`)
  context.after(() => client.destroy())
  const call = (path: string): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const stream = client.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' })
      stream.on('response', resolve)
      stream.on('error', reject)
      stream.resume()
      stream.end()
    })
  const secure = await call('/secure/S/M')
  assert.deepEqual([secure[':status'], secure['grpc-status']], [200, '1'])
  assert.equal(decodeURIComponent(String(secure['grpc-message'])), 'gRPC request matched gRPCs route')
  const none = await call('/none/S/M')
  assert.deepEqual([none[':status'], none['grpc-status']], [200, '5'])
  assert.equal(decodeURIComponent(String(none['grpc-message'])), 'no Route matched with those values')
})

test('2.9 no healthy target: 503 `failure to get a peer from the ring-balancer`', async (context) => {
  const kong = await startKong(
    context,
    `
_format_version: "3.0"
upstreams: [{ name: empty.example, targets: [{ target: "127.0.0.1:1", weight: 0 }] }]
services: [{ name: s, host: empty.example, routes: [{ name: a, paths: [/a] }] }]
`,
  )
  const answer = await kong.ask('/a')
  assertError(answer, 503, 'failure to get a peer from the ring-balancer')
  assert.notEqual(answer.headers['x-kong-response-latency'], undefined)
})

test('2.9 a name without an address: 503 `name resolution failed`', async (context) => {
  const kong = await startKong(
    context,
    '_format_version: "3.0"\nservices: [{ name: s, url: "http://nobody.invalid", retries: 0, routes: [{ name: a, paths: [/a] }] }]',
  )
  const answer = await kong.ask('/a')
  assertError(answer, 503, 'name resolution failed')
  assert.notEqual(answer.headers['x-kong-response-latency'], undefined)
})

test('2.9 the service refuses: 502, in plain text where the client says nothing of what it reads', async (context) => {
  const kong = await startKong(
    context,
    '_format_version: "3.0"\nservices: [{ name: s, url: "http://127.0.0.1:1", retries: 0, routes: [{ name: a, paths: [/a] }] }]',
  )
  const message = 'An invalid response was received from the upstream server'
  const answer = await kong.ask('/a')
  assert.equal(answer.status, 502)
  assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8')
  assert.equal(answer.body, `${message}\nrequest_id: ${answer.headers['x-kong-request-id']}\n`)
  assert.equal(answer.headers['via'], '1.1 turnpike')
  assert.notEqual(answer.headers['x-kong-upstream-latency'], undefined)
  assertError(await kong.ask('/a', { headers: { Accept: '*/*' } }), 502, message)
  assertError(await kong.ask('/a', { method: 'POST', headers: { 'Content-Type': 'application/json' } }), 502, message)
})

test('2.9 the service does not answer in time: 504 `The upstream server is timing out`', async (context) => {
  const kong = await startKong(
    context,
    '_format_version: "3.0"\nservices: [{ name: s, url: "http://ECHO", retries: 0, read_timeout: 50, routes: [{ name: a, paths: [/a] }] }]',
    { respond: () => {} },
  )
  assertError(await kong.ask('/a', { headers: { Accept: 'application/json' } }), 504, 'The upstream server is timing out')
})

test('2.9 what is no request: 400 `Bad request`, too much head 400 `Request header or cookie too large`', async (context) => {
  const kong = await startKong(context, file('- { name: a, paths: [/a] }'))
  const raw = async (bytes: string): Promise<string> => {
    const peer = await kong.connect()
    peer.write(bytes)
    return (await peer.readAll()).text
  }
  const bad = await raw('GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')
  assert.match(bad, /^HTTP\/1\.1 400 /)
  assert.match(bad, /\r\n\r\nBad request\nrequest_id: [0-9a-f]{32}\n$/)
  const large = await raw(`GET /a HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n`)
  assert.match(large, /^HTTP\/1\.1 400 /)
  assert.match(large, /\r\n\r\nRequest header or cookie too large\nrequest_id: [0-9a-f]{32}\n$/)
})

test('2.9 refusals are written as Accept asks for', async (context) => {
  const kong = await startKong(context, file('- { name: a, paths: [/a] }'))
  for (const [accept, type, begin] of [
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html; charset=utf-8', '<!doctype html>\n<html>'],
    ['application/xml', 'application/xml; charset=utf-8', '<?xml version="1.0" encoding="UTF-8"?>\n<error>'],
    ['text/plain', 'text/plain; charset=utf-8', 'no Route matched with those values\nrequest_id: '],
    ['application/vnd.api+json', 'application/json; charset=utf-8', '{\n  "message":"no Route'],
  ] as const) {
    const { headers, body } = await kong.ask('/none', { headers: { Accept: accept } })
    assert.equal(headers['content-type'], type)
    assert.ok(body.startsWith(begin), body)
  }
})

test('2.8 a plugin’s response phase runs for what another one has refused', async (context) => {
  const plugins = '[{ name: cors, config: { origins: ["https://a.example"] } }, { name: key-auth }]'
  const kong = await startKong(context, file(`- { name: a, paths: [/a], plugins: ${plugins} }`))
  const refused = await kong.ask('/a', { headers: { Origin: 'https://a.example' } })
  assert.deepEqual([refused.status, refused.headers['access-control-allow-origin']], [401, 'https://a.example'])
})
