import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { startKong } from './kong-gateway.ts'
import { fieldsLike, withPlugins } from './one-plugin.ts'

const transformer = (config: object): string => `- name: response-transformer\n  config: ${JSON.stringify(config)}\n`

test('2.10 response-transformer: headers are removed, renamed, replaced where there is one, added where there is none, and appended', async (t) => {
  const config = {
    remove: { headers: ['X-Gone'] },
    rename: { headers: ['X-Old:X-New', 'X-Nothing:X-Else'] },
    replace: { headers: ['X-There:{header.X}', 'X-Missing:r'] },
    add: { headers: ['X-There:a', 'X-Absent:first', 'X-Absent:second'] },
    append: { headers: ['X-List:1', 'X-List:2'] },
  }
  const kong = await startKong(t, withPlugins(transformer(config)), {
    respond: (_, response) =>
      response.writeHead(200, { 'X-Gone': '1', 'X-Old': 'o', 'X-New': 'n', 'X-There': 't', 'X-List': '0' }).end('x'),
  })
  const answer = await kong.ask('/a')
  assert.deepEqual(fieldsLike(answer.headers, /^x-(gone|old|new|there|missing|absent|list|else)$/), {
    'x-new': 'o',
    'x-there': '{header.X}',
    'x-absent': 'first',
    'x-list': '0, 1, 2',
  })
  assert.equal(answer.body, 'x')
})

test('2.10 response-transformer: refusals get their headers too', async (t) => {
  const kong = await startKong(
    t,
    withPlugins(`- name: key-auth\n${transformer({ add: { headers: ['X-Added:1'] }, remove: { headers: ['WWW-Authenticate'] } })}`),
  )
  const { status, headers } = await kong.ask('/a')
  assert.deepEqual([status, headers['x-added'], headers['www-authenticate']], [401, '1', undefined])
})

test('2.10 response-transformer: top-level members of JSON, with types', async (t) => {
  const config = {
    remove: { json: ['gone'] },
    rename: { json: ['old:new'] },
    replace: { json: ['there:2', 'missing:1'], json_types: ['number'] },
    add: { json: ['there:9', 'flag:true', 'absent:a'], json_types: ['number', 'boolean'] },
    append: { json: ['list:3', 'list:x', 'text:t'], json_types: ['number'] },
  }
  const body = '{"gone":1,"old":{"a":1.0},"there":"t","list":[1],"text":"s"}'
  const kong = await startKong(t, withPlugins(transformer(config)), {
    respond: (_, response) =>
      response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': body.length }).end(body),
  })
  const answer = await kong.ask('/a')
  assert.deepEqual(JSON.parse(answer.body), { there: 2, list: [1, 3, 'x'], text: ['s', 't'], new: { a: 1 }, flag: true, absent: 'a' })
  assert.ok([undefined, String(Buffer.byteLength(answer.body))].includes(answer.headers['content-length']))
})

test('2.10 response-transformer: JSON that cannot be parsed, and what is no JSON, is passed unchanged', async (t) => {
  const bodies = new Map([
    ['/bad', ['application/json', '{"a":']],
    ['/text', ['text/plain', '{"a":1}']],
    ['/twice', ['application/json', '{"a":1,"a":2}']],
  ])
  const kong = await startKong(t, withPlugins(transformer({ remove: { json: ['a'] } })), {
    respond({ url }, response) {
      const [type = '', body = ''] = bodies.get(url) ?? []
      response.writeHead(200, { 'Content-Type': type }).end(body)
    },
  })
  assert.equal((await kong.ask('/bad')).body, '{"a":')
  assert.equal((await kong.ask('/text')).body, '{"a":1}')
  // What was to be removed does not get out by being there twice.
  assert.equal((await kong.ask('/twice')).status, 502)
})

test('2.10 response-transformer: a compressed body is edited, and goes on without its coding', async (t) => {
  const kong = await startKong(t, withPlugins(transformer({ remove: { json: ['a'] } })), {
    respond: (_, response) =>
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }).end(gzipSync('{"a":1,"b":2}')),
  })
  const answer = await kong.ask('/a', { headers: { 'Accept-Encoding': 'gzip' } })
  const bytes = Buffer.from(answer.body, 'latin1')
  assert.equal(answer.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes).toString() : answer.body, '{"b":2}')
})

test('2.10 response-transformer: both transformers at one place', async (t) => {
  const plugins = `- name: request-transformer\n  config: { add: { headers: ["X-A:1"] } }\n${transformer({ add: { headers: ['X-B:2'] } })}`
  const kong = await startKong(t, withPlugins(plugins))
  const answer = await kong.ask('/a')
  assert.equal(answer.headers['x-b'], '2')
  assert.equal(kong.received[0]?.headers['x-a'], '1')
})
