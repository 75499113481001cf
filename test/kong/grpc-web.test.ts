import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { EchoServer } from '../services/grpc-echo.ts'
import { type Ask, type KongGateway, startKong } from './kong-gateway.ts'
import { fieldsLike } from './one-plugin.ts'

const PROTO = `
syntax = "proto3";
package test;
message Text { string some_text = 1; }
service Echo { rpc Unary(Text) returns (Text); }
`

async function start(
  t: TestContext,
  { config = '{}', route = 'paths: [/test.Echo]', plugins = '' } = {},
): Promise<{ readonly kong: KongGateway; readonly echo: EchoServer }> {
  const echo = await EchoServer.start(t)
  const yaml = `
_format_version: "3.0"
services:
  - name: echo
    url: grpc://127.0.0.1:${echo.port}
    routes:
      - name: all
        ${route}
        plugins:
          - { name: grpc-web, config: ${config} }
${plugins}
`
  return { kong: await startKong(t, yaml, { files: { 'echo.proto': PROTO } }), echo }
}

/** A message in its frame, in Latin-1. */
const FRAME = '\0\0\0\0\x03abc'

function calling(more: Readonly<Record<string, string>> = {}, body = FRAME): Ask {
  return { method: 'POST', headers: { 'Content-Type': 'application/grpc-web+proto', ...more }, body: Buffer.from(body, 'latin1') }
}

test('2.10 grpc-web: trailers become a frame 0x80, and everybody may read the answer', async (t) => {
  const { kong, echo } = await start(t)
  const answer = await kong.ask('/test.Echo/Unary', calling())
  assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'application/grpc-web+proto'])
  assert.equal(answer.headers['access-control-allow-origin'], '*')
  const frame = answer.body.slice(FRAME.length)
  assert.equal(answer.body.slice(0, FRAME.length), FRAME)
  assert.equal(frame.charCodeAt(0), 0x80)
  assert.match(frame, /grpc-status: ?0\r\n/)
  assert.deepEqual(
    echo.calls.map(({ path }) => path),
    ['/test.Echo/Unary'],
  )
})

test('2.10 grpc-web: text is base64 both ways', async (t) => {
  const { kong } = await start(t)
  const body = Buffer.from(FRAME, 'latin1').toString('base64')
  const answer = await kong.ask('/test.Echo/Unary', calling({ 'Content-Type': 'application/grpc-web-text+proto' }, body))
  assert.equal(answer.headers['content-type'], 'application/grpc-web-text+proto')
  assert.ok(answer.body.startsWith(body), answer.body)
})

test('2.10 grpc-web: a failure of the service is told in the frame', async (t) => {
  const { kong } = await start(t)
  const answer = await kong.ask('/test.Echo/Unary', calling({ 'X-Status': '5' }))
  assert.equal(answer.status, 200)
  assert.match(answer.body, /grpc-status: ?5\r\n/)
})

test('2.10 grpc-web: preflights are 200 behind authentication, and allow_origin_header is told', async (t) => {
  const headers = { Origin: 'https://a.example', 'Access-Control-Request-Method': 'POST' }
  const { kong } = await start(t, { config: '{ allow_origin_header: "https://a.example" }' })
  const answer = await kong.ask('/test.Echo/Unary', { method: 'OPTIONS', headers })
  assert.equal(answer.status, 200)
  assert.deepEqual(fieldsLike(answer.headers, /^access-control-/), {
    'access-control-allow-origin': 'https://a.example',
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': 'content-type,x-grpc-web,x-user-agent',
  })
})

test('2.10 grpc-web: the plugin cors has the word where it is there', async (t) => {
  const { kong } = await start(t, { plugins: '          - { name: cors, config: { origins: ["https://b.example"] } }' })
  const answer = await kong.ask('/test.Echo/Unary', calling({ Origin: 'https://b.example' }))
  assert.equal(answer.headers['access-control-allow-origin'], 'https://b.example')
})

test('2.10 grpc-web: calls keep the path of the request, unless pass_stripped_path', async (t) => {
  const kept = await start(t)
  await kept.kong.ask('/test.Echo/Unary', calling())
  assert.equal(kept.echo.calls[0]?.path, '/test.Echo/Unary')
  const stripped = await start(t, { config: '{ pass_stripped_path: true }', route: 'paths: [/api]' })
  const answer = await stripped.kong.ask('/api/test.Echo/Unary', calling())
  assert.match(answer.body, /grpc-status: ?0\r\n/)
  assert.equal(stripped.echo.calls[0]?.path, '/test.Echo/Unary')
})

test('2.10 grpc-web: with proto JSON is taken, too', async (t) => {
  const { kong } = await start(t, { config: '{ proto: echo.proto }' })
  const asked = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"some_text":"hi"}' }
  const answer = await kong.ask('/test.Echo/Unary', asked)
  assert.deepEqual([answer.status, answer.headers['content-type'], answer.body], [200, 'application/json', '{"some_text":"hi"}'])
  assert.match((await kong.ask('/test.Echo/Unary', calling())).body, /grpc-status: ?0\r\n/)
})
