/** Services, upstreams, targets, health and tries: 2.2 and 2.6 of the reference. */
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import { type TestContext, test } from 'node:test'
import { type Answer, loadKong, problemsOfKong, startKong } from './kong-gateway.ts'

/** A service that answers with its name, and what it has been asked. */
async function named(
  t: TestContext,
  name: string,
  status: () => number = () => 200,
): Promise<{ port: number; asked: string[]; hosts: string[]; server: Server }> {
  const asked: string[] = []
  const hosts: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    hosts.push(request.headers.host ?? '')
    response.statusCode = status()
    response.end(name)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return { port: address !== null && typeof address === 'object' ? address.port : 0, asked, hosts, server }
}

interface Upstream {
  readonly ports: readonly (number | { readonly port: number; readonly weight: number })[]
  readonly fields?: Readonly<Record<string, unknown>>
  readonly service?: Readonly<Record<string, unknown>>
  readonly route?: Readonly<Record<string, unknown>>
  readonly rest?: Readonly<Record<string, unknown>>
}

function fileOf({ ports, fields = {}, service = {}, route = {}, rest = {} }: Upstream): string {
  return JSON.stringify({
    _format_version: '3.0',
    services: [{ name: 'pool', host: 'pool', ...service, routes: [{ name: 'pool', paths: ['/'], ...route }] }],
    upstreams: [
      {
        name: 'pool',
        targets: ports.map((port) =>
          typeof port === 'number' ? { target: `127.0.0.1:${port}` } : { target: `127.0.0.1:${port.port}`, weight: port.weight },
        ),
        ...fields,
      },
    ],
    ...rest,
  })
}

async function bodies(ask: () => Promise<Answer>, count: number): Promise<string[]> {
  const all: string[] = []
  for (let i = 0; i < count; i++) all.push((await ask()).body)
  return all
}

test('2.2 a service whose host is the name of an upstream goes to its targets, whatever its port', async (t) => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const kong = await startKong(t, fileOf({ ports: [a.port, b.port], service: { port: 9 } }))
  const all = await bodies(() => kong.ask('/'), 6)
  assert.deepEqual([all.filter((body) => body === 'a').length, all.filter((body) => body === 'b').length], [3, 3])
})

test('2.6 an upstream that no service has for its host is told', async () => {
  const file = {
    _format_version: '3.0',
    upstreams: [{ name: 'poool', targets: [{ target: 'a.internal' }] }],
    services: [{ name: 's', host: 'pool' }],
    routes: [{ name: 'r', service: 's', paths: ['/'] }],
  }
  const problems = await problemsOfKong(JSON.stringify(file, null, 1))
  assert.equal(problems.length, 1)
  assert.match(problems[0] ?? '', /^4:3 warning upstream poool is not quite what Kong does: no service has its name/)
})

test('2.6 a target without a port is on port 8000', async () => {
  const file = {
    _format_version: '3.0',
    upstreams: [{ name: 'pool', targets: [{ target: 'a.internal' }, { target: '::1' }, { target: '[::2]:81' }] }],
    services: [{ name: 's', host: 'pool' }],
  }
  const loaded = await loadKong(JSON.stringify(file))
  assert.ok('ir' in loaded)
  assert.deepEqual(loaded.ir.services[0]?.targets, [
    { host: 'a.internal', port: 8000, weight: 100 },
    { host: '::1', port: 8000, weight: 100 },
    { host: '::2', port: 81, weight: 100 },
  ])
})

test('2.6 targets share by weight, and one of weight 0 gets nothing', async (t) => {
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const kong = await startKong(
    t,
    fileOf({
      ports: [
        { port: a.port, weight: 300 },
        { port: b.port, weight: 100 },
        { port: c.port, weight: 0 },
      ],
    }),
  )
  await bodies(() => kong.ask('/'), 8)
  assert.deepEqual([a.asked.length, b.asked.length, c.asked.length], [6, 2, 0])
})

test('2.6 an upstream without targets is 503', async (t) => {
  const kong = await startKong(t, fileOf({ ports: [] }))
  assert.equal((await kong.ask('/')).status, 503)
})

test('2.6 hash_on header keeps a value with its target', async (t) => {
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const kong = await startKong(t, fileOf({ ports: [a.port, b.port, c.port], fields: { hash_on: 'header', hash_on_header: 'X-User' } }))
  const seen = new Set<string>()
  // Ports are those that were free, and the ring is made of addresses: of a dozen users all three get some in 97 runs of 100 only.
  for (let user = 0; user < 80; user++) {
    const all = new Set(await bodies(() => kong.ask('/', { headers: { 'X-User': `user-${user}` } }), 2))
    assert.equal(all.size, 1)
    for (const body of all) seen.add(body)
  }
  assert.equal(seen.size, 3)
})

test('2.6 hash_on falls back to hash_fallback where a request has nothing to hash', async (t) => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const fields = { hash_on: 'header', hash_on_header: 'X-User', hash_fallback: 'query_arg', hash_fallback_query_arg: 'user' }
  const kong = await startKong(t, fileOf({ ports: [a.port, b.port], fields }))
  for (const user of ['one', 'two', 'three']) assert.equal(new Set(await bodies(() => kong.ask(`/?user=${user}`), 4)).size, 1)
})

test('2.6 hash_on cookie gives a cookie to clients without one, for hash_on_cookie_path', async (t) => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const fields = { hash_on: 'cookie', hash_on_cookie: 'sid', hash_on_cookie_path: '/shop' }
  const kong = await startKong(t, fileOf({ ports: [a.port, b.port], fields }))
  const { headers, body } = await kong.ask('/')
  const [, cookie = ''] = /^(sid=[0-9a-f-]{36}); Path=\/shop/.exec(headers['set-cookie'] ?? '') ?? []
  assert.notEqual(cookie, '')
  const again = await kong.ask('/', { headers: { Cookie: cookie } })
  assert.deepEqual([again.body, again.headers['set-cookie']], [body, undefined])
})

test('2.6 hash_on uri_capture looks at what an expression has captured', async (t) => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const fields = { hash_on: 'uri_capture', hash_on_uri_capture: 'user' }
  const kong = await startKong(t, fileOf({ ports: [a.port, b.port], fields, route: { paths: ['~/u/(?<user>[a-z]+)'] } }))
  for (const user of ['one', 'two', 'three']) {
    const all = [await kong.ask(`/u/${user}/a`), await kong.ask(`/u/${user}/b`), await kong.ask(`/u/${user}`)]
    assert.equal(new Set(all.map(({ body }) => body)).size, 1)
  }
})

test('2.6 nothing is checked unless a file asks for it', async (t) => {
  const a = await named(t, 'a', () => 500)
  const kong = await startKong(t, fileOf({ ports: [a.port] }))
  assert.deepEqual(kong.loaded.ir.services[0]?.health, { active: null, passive: null, slowStartMs: 0, panicPercent: 0 })
  for (let i = 0; i < 10; i++) assert.equal((await kong.ask('/')).status, 500)
})

test('2.6 a passive check takes a target out for its answers, the last one too', async (t) => {
  const [ill, well] = [await named(t, 'ill', () => 503), await named(t, 'well')]
  const fields = { healthchecks: { passive: { unhealthy: { http_failures: 2 } } } }
  const kong = await startKong(t, fileOf({ ports: [ill.port, well.port], fields }))
  await bodies(() => kong.ask('/'), 6)
  assert.deepEqual(new Set(await bodies(() => kong.ask('/'), 6)), new Set(['well']))
  assert.equal(ill.asked.length, 2)
  const alone = await startKong(t, fileOf({ ports: [ill.port], fields }))
  for (let i = 0; i < 2; i++) assert.equal((await alone.ask('/')).body, 'ill')
  assert.equal((await alone.ask('/')).status, 503)
  assert.equal(ill.asked.length, 4)
})

test('2.6 an active check brings back what a passive one took out', async (t) => {
  let status = 503
  const target = await named(t, 'a', () => status)
  const healthchecks = {
    passive: { unhealthy: { http_failures: 1 } },
    active: { http_path: '/health', healthy: { successes: 1 }, unhealthy: { interval: 0.1 } },
  }
  const kong = await startKong(t, fileOf({ ports: [target.port], fields: { healthchecks } }))
  assert.equal((await kong.ask('/')).body, 'a')
  assert.notEqual((await kong.ask('/')).body, 'a')
  status = 200
  let answer = await kong.ask('/')
  for (let tries = 0; answer.body !== 'a' && tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    answer = await kong.ask('/')
  }
  assert.equal(answer.body, 'a')
  assert.ok(target.asked.includes('/health'))
})

test('2.6 a request goes on to another target when one cannot be reached, five times unless retries says otherwise', async (t) => {
  const [gone, well] = [await named(t, 'gone'), await named(t, 'well')]
  await new Promise((resolve) => gone.server.close(resolve))
  const kong = await startKong(t, fileOf({ ports: [gone.port, well.port] }))
  assert.deepEqual(new Set(await bodies(() => kong.ask('/', { method: 'POST', body: 'x' }), 4)), new Set(['well']))
  assert.equal(kong.loaded.ir.routes[0]?.retry.attempts, 6)
  const once = await startKong(t, fileOf({ ports: [gone.port], service: { retries: 0 } }))
  assert.equal(once.loaded.ir.routes[0]?.retry.attempts, 1)
  assert.equal((await once.ask('/')).status, 502)
})

test('2.5 the service sees the host of the target, host_header of the upstream before that', async (t) => {
  const a = await named(t, 'a')
  const plain = await startKong(t, fileOf({ ports: [a.port] }))
  await plain.ask('/', { headers: { Host: 'client.example' } })
  const fixed = await startKong(t, fileOf({ ports: [a.port], fields: { host_header: 'inner.example' } }))
  await fixed.ask('/')
  assert.deepEqual(a.hosts, [`127.0.0.1:${a.port}`, 'inner.example'])
})

test('2.2 url is taken apart, with the port of its scheme', async () => {
  const urls = { a: 'http://a.example', b: 'https://b.example', c: 'http://c.example:81/x/y', d: 'https://d.example:8443/' }
  const file = { _format_version: '3.0', services: Object.entries(urls).map(([name, url]) => ({ name, url })) }
  const loaded = await loadKong(JSON.stringify(file))
  assert.ok('ir' in loaded)
  assert.deepEqual(
    loaded.ir.services.map(({ targets, tls }) => [targets[0]?.host, targets[0]?.port, tls !== null, tls?.verify ?? null]),
    [
      ['a.example', 80, false, null],
      ['b.example', 443, true, false],
      ['c.example', 81, false, null],
      ['d.example', 8443, true, false],
    ],
  )
  assert.deepEqual(
    loaded.kong[0]?.document.services.map(({ fields }) => fields.path),
    [null, null, '/x/y', '/'],
  )
})

test('2.6 what Kong refuses of an upstream', async () => {
  const wrong: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ hash_on: 'header' }, /`hash_on_header` is missing/],
    [{ hash_on: 'none', hash_fallback: 'ip' }, /expected one of: none/],
    [{ hash_on: 'ip', hash_fallback: 'ip' }, /something else than `hash_on`/],
    [{ hash_on: 'cookie', hash_on_cookie: 'a', hash_fallback: 'ip' }, /expected one of: none/],
    [{ slots: 9 }, /at least 10/],
    [{ algorithm: 'fastest' }, /one of `round-robin`/],
    [{ healthchecks: { active: { healthy: { intervall: 1 } } } }, /did you mean `interval`/],
  ]
  for (const [fields, expected] of wrong) {
    const problems = await problemsOfKong(fileOf({ ports: [1], fields }))
    assert.ok(
      problems.some((problem) => expected.test(problem)),
      `${JSON.stringify(fields)}: ${problems.join('\n')}`,
    )
  }
})
