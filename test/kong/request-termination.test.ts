import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startKong } from './kong-gateway.ts'
import { withPlugins } from './one-plugin.ts'

const terminated = (config: string, before = ''): string => withPlugins(`${before}- name: request-termination\n  config: ${config}\n`)

test('2.10 request-termination: 503 and a message without the id of the request', async (t) => {
  const kong = await startKong(t, terminated('{}'))
  const { status, headers, body } = await kong.ask('/')
  assert.deepEqual([status, body], [503, '{"message":"Service unavailable"}'])
  assert.equal(headers['content-type'], 'application/json; charset=utf-8')
  assert.equal(kong.received.length, 0)
})

test('2.10 request-termination: status, message, body and type', async (t) => {
  const answerOf = async (config: string) => {
    const { status, headers, body } = await (await startKong(t, terminated(config))).ask('/')
    return [status, headers['content-type'], body]
  }
  const json = 'application/json; charset=utf-8'
  assert.deepEqual(await answerOf('{ status_code: 404 }'), [404, json, '{"message":"Not found"}'])
  assert.deepEqual(await answerOf('{ status_code: 403, message: So long }'), [403, json, '{"message":"So long"}'])
  assert.deepEqual(await answerOf('{ status_code: 200, body: "<p>", content_type: text/html }'), [200, 'text/html', '<p>'])
  assert.deepEqual(await answerOf('{ status_code: 202, body: x }'), [202, undefined, 'x'])
  assert.deepEqual(await answerOf('{ status_code: 204 }'), [204, undefined, ''])
})

test('2.10 request-termination: only what has the trigger is answered', async (t) => {
  const kong = await startKong(t, terminated('{ trigger: X-Stop }'))
  assert.equal((await kong.ask('/')).status, 200)
  assert.equal((await kong.ask('/', { headers: { 'X-Stop': '1' } })).status, 503)
  assert.equal((await kong.ask('/?X-Stop')).status, 503)
})

test('2.10 request-termination: an echo tells the request', async (t) => {
  const kong = await startKong(t, terminated('{ echo: true, status_code: 200, message: hello }'))
  const { status, body } = await kong.ask('/x?a=b', { method: 'POST', body: '{"c":1}', headers: { 'Content-Type': 'application/json' } })
  const { message, request, matched_route: route, matched_service: service } = JSON.parse(body)
  assert.deepEqual([status, message, route, service], [200, 'hello', { name: 'all' }, { name: 'shop' }])
  assert.deepEqual(
    [request.method, request.path, request.query, request.body, request.raw_body],
    ['POST', '/x', { a: 'b' }, { c: 1 }, '{"c":1}'],
  )
})

test('2.10 request-termination: a route needs no service for it, and without the trigger has none', async (t) => {
  const kong = await startKong(
    t,
    `
_format_version: "3.0"
routes:
  - name: closed
    paths: [/]
    plugins: [{ name: request-termination, config: { status_code: 410, message: gone, trigger: stop } }]
`,
  )
  const stopped = await kong.ask('/?stop')
  assert.deepEqual([stopped.status, stopped.body], [410, '{"message":"gone"}'])
  assert.match((await kong.ask('/')).body, /"message":"no Service found with those values"/)
})

test('2.8 request-termination: it acts behind everything else', async (t) => {
  const kong = await startKong(
    t,
    terminated('{}', '- name: key-auth\n- name: correlation-id\n  config: { header_name: X-Id, echo_downstream: true }\n'),
  )
  const { status, headers } = await kong.ask('/')
  assert.equal(status, 401)
  assert.match(headers['x-id'] ?? '', /#1$/)
})
