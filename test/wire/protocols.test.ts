/** Routes that ask how requests come: looked at after the match, before all policies. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { always, startRig } from './harness.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
const GET = 'GET /a?b=1 HTTP/1.1\r\nHost: Shop.example:8080\r\nConnection: close\r\n'

test('a route for https alone refuses http with what to speak, before anybody has to say who he is', async (context) => {
  const rig = await startRig(context, { route: { protocols: ['https'], policies: { 'api-key': {} } } })
  const { text } = await rig.exchange(`${GET}\r\n`)
  assert.match(text, /^HTTP\/1\.1 426 Upgrade Required\r\n/)
  assert.match(text, /\r\nUpgrade: TLS\/1\.2, HTTP\/1\.1\r\n/)
  assert.match(text, /\r\nConnection: Upgrade\r\n/)
  assert.match(text, /"code":"upgrade_required"/)
  assert.match(text, /\r\nX-Request-ID: /i)
  await rig.loggedCount(1)
  assert.deepEqual(rig.logged, [{ status: 426, error: 'upgrade_required', attempts: 0 }])
})

test('a route for https alone may redirect', async (context) => {
  const rig = await startRig(context, { route: { protocols: ['https'], httpsRedirect: 308 } })
  const { text } = await rig.exchange(`${GET}\r\n`)
  assert.match(text, /^HTTP\/1\.1 308 /)
  assert.match(text, /\r\nLocation: https:\/\/shop\.example\/a\?b=1\r\n/)
  assert.match((await rig.exchange('GET http://other.example/x HTTP/1.0\r\n\r\n')).text, /\r\nLocation: https:\/\/other\.example\/x\r\n/)
  assert.match((await rig.exchange('GET /x HTTP/1.0\r\n\r\n')).text, /^HTTP\/1\.1 400 /)
})

test('a trusted proxy in front may have ended TLS', async (context) => {
  const rig = await startRig(context, { trustedProxies: ['127.0.0.1'], route: { protocols: ['https'], httpsRedirect: 301 } })
  rig.upstream.onConnection = always(OK)
  assert.match((await rig.exchange(`${GET}X-Forwarded-Proto: https\r\n\r\n`)).text, /^HTTP\/1\.1 200 /)
  const { text } = await rig.exchange(`${GET}X-Forwarded-Proto: http\r\nX-Forwarded-Host: outer.example\r\n\r\n`)
  assert.match(text, /\r\nLocation: https:\/\/outer\.example\/a\?b=1\r\n/)
  const chained = await rig.exchange(`${GET}X-Forwarded-Host: outer.example:8443, inner.example\r\n\r\n`)
  assert.match(chained.text, /\r\nLocation: https:\/\/outer\.example:8443\/a\?b=1\r\n/)
})

test('what a proxy hands on as the host leads nowhere else', async (context) => {
  const rig = await startRig(context, { trustedProxies: ['127.0.0.1'], route: { protocols: ['https'], httpsRedirect: 301 } })
  for (const host of ['evil.example/#', 'shop.example@evil.example', 'evil.example?', 'evil.example\\', '']) {
    const { text } = await rig.exchange(`${GET}X-Forwarded-Host: ${host}\r\n\r\n`)
    assert.match(text, /^HTTP\/1\.1 400 /, host)
    assert.doesNotMatch(text, /\r\nLocation:/)
  }
})

test('a route for gRPC refuses what is none, and gRPC over HTTP/1.1', async (context) => {
  const rig = await startRig(context, { route: { protocols: ['grpc', 'grpcs'] } })
  assert.match((await rig.exchange(`${GET}\r\n`)).text, /^HTTP\/1\.1 415 [\s\S]*"code":"grpc_required"/)
  assert.match(
    (await rig.exchange(`${GET}Content-Type: application/grpc+proto\r\n\r\n`)).text,
    /^HTTP\/1\.1 426 [\s\S]*\r\nUpgrade: HTTP\/2\r\n/,
  )
})

test('a route for http takes it, and the route that matches is not another one for its protocols', async (context) => {
  const rig = await startRig(context, {
    route: { protocols: ['http', 'https'] },
    routes: { tls: { path: '/tls', protocols: 'https', service: 'main' } },
  })
  rig.upstream.onConnection = always(OK)
  assert.match((await rig.exchange(`${GET}\r\n`)).text, /^HTTP\/1\.1 200 /)
  assert.match((await rig.exchange('GET /tls HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).text, /^HTTP\/1\.1 426 /)
})
