/** Requests that are checked against schemas, over sockets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { POLICIES } from '../../src/policies/index.ts'
import { startRig, withoutChance } from './harness.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
const policies = {
  'request-validation': {
    query: { properties: { n: { type: 'integer' } } },
    body: { type: 'object', required: ['a'], properties: { a: { type: 'integer' }, list: { type: 'array', items: { type: 'string' } } } },
    bodyMax: 1_000,
  },
} as const
const HEAD = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'

test('a body that does not fit is answered with its violations, and never reaches the service', async (t) => {
  const rig = await startRig(t, { route: { policies } })
  const client = await rig.connect()
  const sent = '{"list":["x",5],"a":"five"}'
  client.write(`${HEAD}Content-Length: ${sent.length}\r\n\r\n${sent}`)
  const { head, body } = await client.readResponse()
  assert.match(head, /^HTTP\/1\.1 400 Bad Request\r\n/)
  assert.match(head, /^Turnpike-Error: request_invalid\r$/m)
  assert.match(head, /^Content-Type: application\/problem\+json\r$/m)
  assert.deepEqual(JSON.parse(withoutChance(body)), {
    type: 'about:blank',
    title: 'Bad Request',
    status: 400,
    detail: 'The request does not fit its schema in 2 places',
    error: 'Invalid request',
    code: 'request_invalid',
    requestId: '',
    violations: [
      { in: 'body', pointer: '/a', message: 'must be of type integer', keyword: 'type' },
      { in: 'body', pointer: '/list/1', message: 'must be of type string', keyword: 'type' },
    ],
  })
  assert.equal(rig.upstream.peers.length, 0)
})

test('a body that fits reaches the service byte for byte, in whatever framing it came', async (t) => {
  const rig = await startRig(t, { route: { policies } })
  const bodies: string[] = []
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      bodies.push((await peer.readRequest()).body)
      peer.write(OK)
    }
  }
  const client = await rig.connect()
  const good = ' {"a":\t1.0e0, "list" : ["\\u00e9"],\r\n"more":{}} '
  client.write(`${HEAD}Content-Length: ${good.length}\r\n\r\n${good}`)
  assert.match((await client.readResponse()).head, /^HTTP\/1\.1 200 /)
  client.write(
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\n${good.slice(0, 3)}\r\n${(good.length - 3).toString(16)}\r\n${good.slice(3)}\r\n0\r\n\r\n`,
  )
  assert.match((await client.readResponse()).head, /^HTTP\/1\.1 200 /)
  client.write(`${HEAD}Expect: 100-continue\r\nContent-Length: ${good.length}\r\n\r\n`)
  assert.match((await client.readResponse()).head, /^HTTP\/1\.1 100 /)
  client.write(good)
  assert.match((await client.readResponse()).head, /^HTTP\/1\.1 200 /)
  assert.deepEqual(bodies, [good, good, good])
})

test('who waits to be told is refused before the body is sent', async (t) => {
  const rig = await startRig(t, { route: { policies } })
  for (const [request, status] of [
    [HEAD.replace('/ ', '/?n=x '), '400'],
    [HEAD.replace('application/json', 'text/plain'), '415'],
    [`${HEAD}Content-Encoding: gzip\r\n`, '415'],
  ] as const) {
    const client = await rig.connect()
    client.write(`${request}Expect: 100-continue\r\nContent-Length: 10\r\n\r\n`)
    assert.match((await client.readResponse()).head, new RegExp(`^HTTP/1\\.1 ${status} `))
  }
  const client = await rig.connect()
  client.write(`${HEAD}Content-Length: 1001\r\n\r\n`)
  assert.match((await client.readResponse()).head, /^HTTP\/1\.1 413 /)
  assert.equal(rig.upstream.peers.length, 0)
})

test('in shadow nothing is refused', async (t) => {
  const rig = await startRig(t, { route: { policies: { 'request-validation': { ...policies['request-validation'], mode: 'shadow' } } } })
  rig.upstream.onConnection = async (peer) => {
    assert.equal((await peer.readRequest()).body, '{"a":"x"}')
    peer.write(OK)
  }
  const client = await rig.connect()
  client.write(`${HEAD.replace('/ ', '/?n=x ')}Content-Length: 9\r\n\r\n{"a":"x"}`)
  assert.match((await client.readResponse()).head, /^HTTP\/1\.1 200 /)
})

test('the file is found from the folder of the configuration, and what is wrong with it stands at the policy', async () => {
  const config = (file: string) => `
services: { main: { targets: ['127.0.0.1:9'] } }
routes:
  all:
    path: /*
    service: main
    policies:
      request-validation:
        ${file}
`
  const load = (text: string) => {
    const read = async (path: string): Promise<string> => {
      if (path === '/etc/turnpike/main.yaml') return text
      if (path === '/etc/turnpike/api/good.yaml') return 'openapi: 3.1.0\npaths: { /a: { get: {} } }'
      if (path === '/etc/turnpike/api/bad.yaml') return 'openapi: 3.1.0\npaths: { a: {} }'
      throw Object.assign(new Error('not there'), { code: 'ENOENT' })
    }
    return loadConfig(['/etc/turnpike/main.yaml'], { policies: POLICIES, env: {}, readFile: read })
  }
  const good = await load(config('openapi: api/good.yaml'))
  assert.ok('ir' in good)
  assert.ok(good.files.includes('/etc/turnpike/api/good.yaml'))
  const bad = await load(config('openapi: api/bad.yaml'))
  assert.ok('problems' in bad)
  assert.deepEqual(
    bad.problems.map(({ location, message }) => `${location.line} ${message}`),
    ['8 `api/bad.yaml`, line 2, `#/paths/a`: a path begins with `/`'],
  )
  const inline = await load(config('body: { properties: { a: { type: nothing } } }'))
  assert.ok('problems' in inline)
  assert.deepEqual(
    inline.problems.map(({ location: { line, column }, severity }) => `${severity} ${line}:${column}`),
    ['error 9:42'],
  )
})
