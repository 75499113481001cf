/** The cache with real gateways: purges over the admin listener, in all workers and on Redis in all gateways, and what StatsD is told. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { redisMissing, startRedis } from '../services/redis.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'

const TIMEOUT = 60_000
const TOKEN = 'token-of-the-test'
const HOST = 'shop.example'

/** A service whose answers carry its edition, and the tags `all` and the first segment of the path. */
async function startService(t: TestContext) {
  const service = { edition: 1, port: 0 }
  const server = createServer((request, response) => {
    const [, first] = (request.url ?? '').split(/[/?]/)
    response.setHeader('Cache-Control', 'max-age=600').setHeader('Cache-Tag', `all, ${first}`).end(`edition ${service.edition}`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  service.port = (server.address() as AddressInfo).port
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return service
}

function config(port: number, cache: string, more: string): string {
  return `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0, token: ${TOKEN} }
accessLog: false
${more}
services: { shop: { targets: ["127.0.0.1:${port}"], breaker: {} } }
routes: { shop: { path: /*, service: shop, policies: { cache: ${cache} } } }
`
}

/** The body, over a connection of its own, so that any worker may answer. All gateways are asked by the same name. */
async function ask(gateway: GatewayProcess, path: string, method = 'GET'): Promise<string> {
  const { port } = new URL(gateway.url)
  const request = httpRequest({ host: '127.0.0.1', port, path, method, headers: { host: HOST }, agent: false }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const body = await text(response)
  return response.statusCode === 200 ? body : `${response.statusCode} ${body}`
}

async function askOften(gateway: GatewayProcess, path: string): Promise<ReadonlySet<string>> {
  return new Set(await Promise.all(Array.from({ length: 30 }, () => ask(gateway, path))))
}

async function admin(gateway: GatewayProcess, path: string, purge?: unknown) {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const sent = purge === undefined ? {} : { method: 'POST', body: JSON.stringify(purge) }
  const response = await fetch(`${gateway.adminUrl}${path}`, { headers, ...sent })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

test('a purge reaches the memory of every worker', { timeout: TIMEOUT }, async (t) => {
  const service = await startService(t)
  const gateway = await new GatewayProcess(t, { config: config(service.port, '{}', 'workers: 3') }).ready()
  const purges = [
    { all: true },
    { tag: 'a' },
    { tags: ['x', 'all'] },
    { prefix: { path: '/a' } },
    { key: { host: HOST, path: '/%61//b', query: 'x=1' } },
  ]
  for (const purge of purges) {
    const before = `edition ${service.edition}`
    assert.deepEqual(await askOften(gateway, '/a/b?x=1'), new Set([before]))
    service.edition++
    assert.ok((await askOften(gateway, '/a/b?x=1')).has(before), 'nothing is purged yet')
    const { status, body } = await admin(gateway, '/cache/purge', purge)
    assert.deepEqual([status, body['workers'], body['stores']], [200, 3, ['memory']], JSON.stringify(body))
    assert.deepEqual(await askOften(gateway, '/a/b?x=1'), new Set([`edition ${service.edition}`]), JSON.stringify(purge))
  }
  const line = await gateway.logged('the cache was purged')
  assert.deepEqual([line['client'], line['purges']], ['127.0.0.1', [{ kind: 'all' }]])
  const { status } = await admin(gateway, '/cache/purge', { everything: true })
  assert.equal(status, 400)
})

test('an unsafe method that one worker served has the others forget the URI too', { timeout: TIMEOUT }, async (t) => {
  const service = await startService(t)
  const gateway = await new GatewayProcess(t, { config: config(service.port, '{}', 'workers: 3') }).ready()
  assert.deepEqual(await askOften(gateway, '/a'), new Set(['edition 1']))
  service.edition++
  assert.equal(await ask(gateway, '/a', 'POST'), 'edition 2')
  // The others are told by way of the control process: at once, but not before the answer.
  await eventually(
    () => askOften(gateway, '/a'),
    (editions) => editions.size === 1 && editions.has('edition 2'),
  )
})

test('a purge of one gateway holds for another on the same Redis, and without Redis both go on', {
  skip: redisMissing,
  timeout: TIMEOUT,
}, async (t) => {
  const service = await startService(t)
  const redis = await startRedis(t)
  const written = config(
    service.port,
    '{ store: redis }',
    `workers: 2\nstores: { redis: { address: "${redis.address}", commandTimeout: 5s } }`,
  )
  const [one, other] = [new GatewayProcess(t, { config: written }), new GatewayProcess(t, { config: written })]
  await Promise.all([one.ready(), other.ready()])
  for (const purge of [{ all: true }, { tag: 'a' }, { prefix: { path: '/a/', host: HOST } }, { key: { host: HOST, path: '/a/b' } }]) {
    const before = `edition ${service.edition}`
    assert.equal(await ask(one, '/a/b'), before)
    // The first answer is on its way into Redis.
    await eventually(
      async () => redis.command('keys', 'response:{*}:*'),
      (names) => names !== '',
    )
    service.edition++
    assert.deepEqual(await askOften(other, '/a/b'), new Set([before]))
    const { status, body } = await admin(one, '/cache/purge', purge)
    assert.deepEqual([status, body['workers'], body['stores']], [200, 2, ['redis']], JSON.stringify(body))
    assert.deepEqual(await askOften(other, '/a/b'), new Set([`edition ${service.edition}`]), JSON.stringify(purge))
    redis.command('flushall')
  }
  await redis.stop()
  await one.logged('the store does not answer')
  assert.deepEqual(await askOften(one, '/a/b'), new Set([`edition ${service.edition}`]))
  const { status, body } = await admin(one, '/cache/purge', { all: true })
  assert.equal(status, 503)
  assert.match(JSON.stringify(body['failures']), /no connection to redis/)
  await redis.start()
  const again = await eventually(
    () => admin(one, '/cache/purge', { all: true }),
    (answer) => answer.status === 200,
  )
  assert.deepEqual(again.body['stores'], ['redis'])
})

test('a Redis that hangs costs hits and never an answer', { skip: redisMissing, timeout: TIMEOUT }, async (t) => {
  const service = await startService(t)
  const redis = await startRedis(t)
  const stores = `stores: { redis: { address: "${redis.address}", commandTimeout: 200ms } }`
  const gateway = await new GatewayProcess(t, { config: config(service.port, '{ store: redis }', `workers: 1\n${stores}`) }).ready()
  assert.equal(await ask(gateway, '/a'), 'edition 1')
  redis.pause()
  service.edition = 2
  for (let i = 0; i < 10; i++) assert.equal(await ask(gateway, '/a'), 'edition 2')
  await gateway.logged('the store does not answer')
  const { status, body } = await admin(gateway, '/cache/purge', { all: true })
  assert.deepEqual([status, body['workers']], [503, 0])
  redis.resume()
  await eventually(
    () => admin(gateway, '/cache/purge', { all: true }),
    (answer) => answer.status === 200,
  )
  assert.equal(await ask(gateway, '/a'), 'edition 2')
})

test('StatsD is told of hits and misses in all workers, the last ones at the end, and a reload changes the name', {
  timeout: TIMEOUT,
}, async (t) => {
  const statsd = createSocket('udp4')
  const counts = new Map<string, number>()
  statsd.on('message', (bytes) => {
    for (const line of bytes.toString('latin1').split('\n')) {
      const [, name = '', amount] = /^([\w.]+):(\d+)\|c$/.exec(line) ?? []
      counts.set(name, (counts.get(name) ?? 0) + Number(amount))
    }
  })
  statsd.bind(0, '127.0.0.1')
  await once(statsd, 'listening')
  t.after(() => statsd.close())
  const service = await startService(t)
  const written = (prefix: string): string =>
    config(
      service.port,
      '{}',
      `workers: 2\nstatsd: { address: "127.0.0.1:${statsd.address().port}", interval: 100ms, prefix: "${prefix}" }`,
    )
  const gateway = await new GatewayProcess(t, { config: written('') }).ready()
  for (let i = 0; i < 20; i++) await ask(gateway, '/a')
  const [hit, miss] = ['gateway.cache.hit', 'gateway.cache.miss']
  const sum = (prefix = ''): number => (counts.get(prefix + hit) ?? 0) + (counts.get(prefix + miss) ?? 0)
  await eventually(
    async () => sum(),
    (total) => total === 20,
  )
  const misses = counts.get(miss) ?? 0
  assert.ok(misses === 1 || misses === 2, `${misses}`)
  gateway.writeConfig(written('shop.'))
  await gateway.logged('a new configuration is in force')
  for (let i = 0; i < 10; i++) await ask(gateway, '/a')
  gateway.child.kill('SIGTERM')
  assert.equal(await gateway.exited, 0)
  await eventually(
    async () => sum('shop.') + sum(),
    (total) => total === 30,
  )
  assert.ok(sum('shop.') >= 9)
})

test('the states of services are told by all workers as one', { timeout: TIMEOUT }, async (t) => {
  const service = await startService(t)
  const gateway = await new GatewayProcess(t, { config: config(service.port, '{}', 'workers: 2') }).ready()
  const { status, body } = await admin(gateway, '/services')
  assert.equal(status, 200)
  const { workers, services } = body as unknown as { workers: { answered: boolean }[]; services: Record<string, unknown>[] }
  assert.deepEqual(
    workers.map(({ answered }) => answered),
    [true, true],
  )
  const [shop] = services
  assert.ok(shop)
  assert.deepEqual([shop['name'], shop['breaker'], shop['panic']], ['shop', { closed: 2 }, false])
  assert.match(
    JSON.stringify(shop['targets']),
    new RegExp(`"address":"127\\.0\\.0\\.1:${service.port}","weight":1,"health":\\{"\\w+":2\\}`),
  )
})
