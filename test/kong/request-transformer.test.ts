import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemsOfKong, startKong } from './kong-gateway.ts'
import { fieldsLike, withPlugins } from './one-plugin.ts'

const transformer = (config: object): string => `- name: request-transformer\n  config: ${JSON.stringify(config)}\n`
const JSON_BODY = { 'Content-Type': 'application/json' }
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }

test('2.10 request-transformer: headers are removed, renamed, replaced where there is one, added where there is none, and appended, in this order', async (t) => {
  const config = {
    remove: { headers: ['X-Gone', 'X-Anew', 'Host'] },
    rename: { headers: ['X-Old:X-New', 'X-Other:X-Taken'] },
    replace: { headers: ['X-There:replaced', 'X-Missing:replaced', 'X-New:replaced'] },
    add: { headers: ['X-There:added', 'X-Anew:a', 'X-Anew:b', 'X-Absent:first', 'X-Absent:second', 'Host:no.example'] },
    append: { headers: ['X-List:1', 'x-list:2', 'X-Fresh:3'] },
  }
  const kong = await startKong(t, withPlugins(transformer(config)))
  const headers = { 'X-Gone': '1', 'X-Anew': 'came', 'X-Old': 'o', 'X-Other': 'other', 'X-Taken': 'kept', 'X-There': 't', 'X-List': '0' }
  const got = await kong.upstreamOf('/a', { headers })
  assert.deepEqual(fieldsLike(got.headers, /^x-(gone|anew|old|new|other|taken|there|missing|absent|list|fresh)$/), {
    'x-taken': 'kept',
    'x-new': 'replaced',
    'x-there': 'replaced',
    'x-anew': 'a',
    'x-absent': 'first',
    'x-list': '0, 1, 2',
    'x-fresh': '3',
  })
  assert.equal(got.headers['host'], `127.0.0.1:${kong.echoPort}`)
})

test('2.10 request-transformer: `host` is replaced, whether there is one or not', async (t) => {
  const kong = await startKong(t, withPlugins(transformer({ replace: { headers: ['host:$(headers.x_tenant).example:81'] } })))
  assert.equal((await kong.upstreamOf('/a', { headers: { 'X-Tenant': 'acme' } })).headers['host'], 'acme.example:81')
  assert.equal((await kong.ask('/a', { headers: { 'X-Tenant': 'a/b' } })).status, 400)
})

test('2.10 request-transformer: the query in the same order', async (t) => {
  const config = {
    remove: { querystring: ['gone'] },
    rename: { querystring: ['old:new', 'other:taken'] },
    replace: { querystring: ['there:r', 'missing:r', 'blank:'] },
    add: { querystring: ['there:a', 'absent:a b', 'absent:c'] },
    append: { querystring: ['list:1', 'list:2'] },
  }
  const kong = await startKong(t, withPlugins(transformer(config)))
  const { url } = await kong.upstreamOf('/a?gone=1&old=o&other=x&taken=kept&there=t&there=u&list=0&blank=1&same=%7e')
  assert.equal(url, '/a?new=o&taken=kept&list=0&same=%7e&there=r&absent=a%20b&list=1&list=2')
})

test('2.10 request-transformer: top-level members of JSON', async (t) => {
  const config = {
    remove: { body: ['gone', 'a/b', 'dotted.name'] },
    rename: { body: ['old:new', 'other:taken'] },
    replace: { body: ['there:r', 'missing:r'] },
    add: { body: ['there:a', 'absent:$(headers.x_a)'] },
    append: { body: ['list:1', 'list:2', 'text:t', 'fresh:f'] },
  }
  const kong = await startKong(t, withPlugins(transformer(config)))
  const before = {
    gone: 1,
    'a/b': 1,
    'dotted.name': 1,
    dotted: { name: 2 },
    old: { x: 1 },
    other: 1,
    taken: 2,
    there: null,
    list: ['0'],
    text: 's',
  }
  const got = await kong.upstreamOf('/a', {
    method: 'POST',
    headers: { ...JSON_BODY, 'X-A': '{h}' },
    body: JSON.stringify(before),
  })
  assert.deepEqual(JSON.parse(got.body), {
    dotted: { name: 2 },
    new: { x: 1 },
    taken: 2,
    there: 'r',
    absent: '{h}',
    list: ['0', '1', '2'],
    text: ['s', 't'],
    fresh: ['f'],
  })
  assert.equal(got.headers['content-length'], String(Buffer.byteLength(got.body)))
})

test('2.10 request-transformer: JSON that cannot be parsed and other types pass, and what could be read in two ways is refused', async (t) => {
  const kong = await startKong(t, withPlugins(transformer({ remove: { body: ['admin'] } })))
  const sent = (body: string, type: string) => ({ method: 'POST', headers: { 'Content-Type': type }, body })
  assert.equal((await kong.upstreamOf('/a', sent('{"admin"', 'application/json'))).body, '{"admin"')
  assert.equal((await kong.upstreamOf('/a', sent('{"admin":1}', 'text/plain'))).body, '{"admin":1}')
  assert.equal((await kong.ask('/a', sent('{"admin":1,"admin":2}', 'application/json'))).status, 400)
})

test('2.10 request-transformer: fields of a form', async (t) => {
  const config = {
    remove: { body: ['gone'] },
    rename: { body: ['old:new'] },
    replace: { body: ['there:r&'] },
    add: { body: ['absent:a'] },
    append: { body: ['list:1'] },
  }
  const kong = await startKong(t, withPlugins(transformer(config)))
  const got = await kong.upstreamOf('/a', { method: 'POST', headers: FORM, body: 'g%6fne=1&old=o&there=t&list=0&same=%7e' })
  assert.equal(got.body, 'new=o&list=0&same=%7e&there=r%26&absent=a&list=1')
  assert.equal(got.headers['content-length'], String(got.body.length))
})

test('2.10 request-transformer: fields of a form of several parts', async (t) => {
  const config = {
    remove: { body: ['gone'] },
    rename: { body: ['old:new'] },
    replace: { body: ['there:r'] },
    add: { body: ['absent:a'] },
  }
  const kong = await startKong(t, withPlugins(transformer(config)))
  const headers = { 'Content-Type': 'multipart/form-data; boundary=xx' }
  const part = (name: string, value: string, more = ''): string =>
    `--xx\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`
  const body = `${part('gone', '1')}${part('old', 'o', '; filename="f"')}${part('there', 't')}${part('same', '')}--xx--\r\n`
  const got = await kong.upstreamOf('/a', { method: 'POST', headers, body })
  assert.equal(got.body, `${part('new', 'o', '; filename="f"')}${part('same', '')}${part('there', 'r')}${part('absent', 'a')}--xx--\r\n`)
  const plain = await kong.ask('/a', { method: 'POST', headers, body: body.replace('name="gone"', 'name=gone') })
  assert.equal(plain.status, 400)
})

test('2.10 request-transformer: replace.uri with captures, headers and parameters', async (t) => {
  const config = {
    replace: { uri: "/v2/$(uri_captures['id'])/$(query_params.kind)/x" },
    add: { headers: ['X-Id:$(uri_captures.id)-$(headers["X-A"])'] },
  }
  const kong = await startKong(t, withPlugins(transformer(config), { route: 'paths: ["~/users/(?<id>[^/]+)"]' }))
  const got = await kong.upstreamOf('/users/7/more?kind=k%2F1', { headers: { 'X-A': 'b' } })
  assert.equal(got.url, '/v2/7/k%2F1/x?kind=k%2F1')
  assert.equal(got.headers['x-id'], '7-b')
})

test('2.10 request-transformer: templates see headers and parameters as they came', async (t) => {
  const config = {
    remove: { headers: ['X-A'] },
    replace: { headers: ['X-B:new'] },
    add: { headers: ['X-Was:$(headers.x_a)$(headers.x_b)'] },
  }
  const kong = await startKong(t, withPlugins(transformer(config)))
  assert.equal((await kong.upstreamOf('/a', { headers: { 'X-A': '1', 'X-B': '2' } })).headers['x-was'], '12')
})

test('2.10 request-transformer: http_method; GET moves a form into the query', async (t) => {
  const kong = await startKong(t, withPlugins(transformer({ http_method: 'GET', remove: { querystring: ['secret'] } })))
  const got = await kong.upstreamOf('/a?x=1', { method: 'POST', headers: FORM, body: 'y=2&secret=3&x=4' })
  assert.deepEqual([got.method, got.url, got.body], ['GET', '/a?x=1&y=2&x=4', ''])
  assert.equal(got.headers['content-type'], undefined)
  const json = await kong.upstreamOf('/a?x=1&secret=1', { method: 'POST', headers: JSON_BODY, body: '{}' })
  assert.deepEqual([json.method, json.url, json.body], ['GET', '/a?x=1', '{}'])
})

test('2.10 request-transformer: one of a route takes the place of one of its service, and what authentication says is seen', async (t) => {
  const kong = await startKong(
    t,
    `
_format_version: "3.0"
consumers:
  - { username: ann, keyauth_credentials: [{ key: k1 }] }
plugins:
  - { name: key-auth }
services:
  - name: shop
    url: http://ECHO
    plugins:
      - { name: request-transformer, config: { add: { headers: ["X-S:s"] } } }
    routes:
      - name: one
        paths: [/one]
        plugins:
          - { name: request-transformer, config: { add: { headers: ["X-R:$(headers.x_consumer_username)"] } } }
      - { name: two, paths: [/two] }
`,
  )
  const headers = { apikey: 'k1', 'X-Consumer-Username': 'forged' }
  assert.deepEqual(fieldsLike((await kong.upstreamOf('/one', { headers })).headers, /^x-[rs]$/), { 'x-r': 'ann' })
  assert.deepEqual(fieldsLike((await kong.upstreamOf('/two', { headers })).headers, /^x-[rs]$/), { 'x-s': 's' })
})

test('2.10 request-transformer: what is Lua is refused, and what to write is told', async () => {
  const problems = await problemsOfKong(
    withPlugins(transformer({ add: { headers: ['X-A:$(headers["a"] or "b")', 'X-B:$(uri_captures[1])', 'X-C:$(shared.user)'] } })),
  )
  assert.equal(problems.filter((problem) => problem.includes(' error ')).length, 3)
  assert.match(
    problems.join('\n'),
    /`config\.add\.headers\.0` of .* cannot be carried over: `\$\(headers\["a"\] or "b"\)`: templates are no Lua here: `\$\(headers\.name\)`/,
  )
  assert.match(problems.join('\n'), /captures have names/)
  assert.match(problems.join('\n'), /nothing is shared between plugins/)
})
