/** Limits as clients of a real gateway see them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { redisMissing, startRedis } from '../services/redis.ts'
import { startUpstream } from './echo-upstream.ts'
import { GatewayProcess } from './gateway-process.ts'
import { MetricsReading } from './metrics-reader.ts'

const SECRET = '0123456789abcdef0123456789abcdef'
const TIMEOUT = { timeout: 30_000 }

function tokenOf(user: string): Promise<string> {
  return new SignJWT().setProtectedHeader({ alg: 'HS256' }).setSubject(user).setExpirationTime('1h').sign(Buffer.from(SECRET))
}

const HEAD = `
listeners: [{ host: 127.0.0.1, port: 0, trustedProxies: [127.0.0.1] }]
admin: { port: 0 }
workers: 1
accessLog: false
`

/** Status, and of refusals what refused. */
async function ask(gateway: GatewayProcess, path: string, from: string, token?: string): Promise<string> {
  const response = await fetch(gateway.url + path, {
    headers: { 'x-forwarded-for': from, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  })
  await response.arrayBuffer()
  return [response.status, response.headers.get('x-ratelimit-limit-type') ?? []].flat().join(' ')
}

test('who guesses tokens is refused before they are looked at; others are not', TIMEOUT, async (t) => {
  const config = `${HEAD}
routes:
  all:
    path: /*
    policies:
      static-response: { body: ok }
      jwt: { secret: ${SECRET} }
      rate-limit: { limits: [{ by: user, window: day, limit: 2 }, { by: ip, window: day, limit: 6 }] }
`
  const gateway = await new GatewayProcess(t, { config }).ready()
  const good = await tokenOf('42')
  const guesser = '198.51.100.1'
  for (let i = 0; i < 5; i++) assert.equal(await ask(gateway, '/', guesser, `wrong-${i}`), '401')
  assert.equal(await ask(gateway, '/', guesser, good), '200')
  assert.equal(await ask(gateway, '/', guesser, 'wrong'), '429 ip')
  assert.equal(await ask(gateway, '/', guesser, good), '429 ip')
  // A refusal by one limit takes nothing of the other: the second of two is still there.
  assert.equal(await ask(gateway, '/', '198.51.100.2', good), '200')
  assert.equal(await ask(gateway, '/', '198.51.100.2', good), '429 user')
  assert.equal(await ask(gateway, '/', '198.51.100.2', await tokenOf('43')), '200')
  const metrics = await MetricsReading.of(gateway)
  assert.equal(metrics.sum('gateway_rate_limit_hits_total', 'limiter_type="ip"'), 2)
  assert.equal(metrics.sum('gateway_rate_limit_hits_total', 'limiter_type="user"'), 1)
})

test('a limit on a service counts over its routes, one on a route stands in its place, and shadow refuses nobody', TIMEOUT, async (t) => {
  const { port } = await startUpstream(t)
  const config = `${HEAD}
services:
  s: { targets: ["127.0.0.1:${port}"], policies: { rate-limit: { by: ip, window: day, limit: 2 } } }
routes:
  a: { path: /a, service: s }
  b: { path: /b, service: s }
  own: { path: /own, service: s, policies: { rate-limit: { by: ip, window: day, limit: 1 } } }
  shadow: { path: /shadow, service: s, policies: { rate-limit: { by: ip, window: day, limit: 1, mode: shadow } } }
`
  const gateway = await new GatewayProcess(t, { config }).ready()
  const from = '198.51.100.1'
  assert.deepEqual(
    [await ask(gateway, '/a', from), await ask(gateway, '/b', from), await ask(gateway, '/a', from)],
    ['200', '200', '429 ip'],
  )
  assert.deepEqual([await ask(gateway, '/own', from), await ask(gateway, '/own', from)], ['200', '429 ip'])
  assert.deepEqual([await ask(gateway, '/shadow', from), await ask(gateway, '/shadow', from)], ['200', '200'])
})

test('what is left of a limit survives a reload, and a gateway with Redis ends when it is told to', {
  ...TIMEOUT,
  skip: redisMissing,
}, async (t) => {
  const redis = await startRedis(t)
  const config = (body: string): string => `${HEAD}
stores: { redis: { address: "${redis.address}", commandTimeout: 5s } }
routes:
  memory: { path: /memory, policies: { static-response: { body: ${body} }, rate-limit: { by: ip, window: day, limit: 2 } } }
  redis: { path: /redis, policies: { static-response: { body: ${body} }, rate-limit: { by: ip, window: day, limit: 2, store: redis } } }
`
  const gateway = await new GatewayProcess(t, { config: config('one') }).ready()
  const from = '2001:db8::1'
  for (const path of ['/memory', '/redis']) assert.equal(await ask(gateway, path, from), '200')
  gateway.writeConfig(config('two'))
  await gateway.logged('a new configuration is in force')
  for (const path of ['/memory', '/redis']) {
    assert.equal(await ask(gateway, path, '2001:db8::2'), '200')
    assert.equal(await ask(gateway, path, from), '429 ip')
  }
  assert.equal(
    redis.command('info', 'clients').match(/connected_clients:(\d+)/)?.[1],
    '2',
    'the connection is kept, beside the one that asks',
  )
  gateway.child.kill('SIGTERM')
  assert.equal(await gateway.exited, 0)
})
