/** What clients are told of the time that an answer took. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { always, startRig } from './harness.ts'

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

test('answers of the service, of the cache and of the gateway tell their times', async (context) => {
  const rig = await startRig(context, {
    route: { policies: { 'latency-headers': { via: true, server: 'turnpike' }, cache: {} } },
    routes: {
      none: {
        path: '/none',
        policies: { 'latency-headers': { server: 'turnpike' }, 'ip-access': { deny: ['127.0.0.1'] } },
        service: 'main',
      },
    },
  })
  rig.upstream.onConnection = always('HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nServer: inner\r\nContent-Length: 2\r\n\r\nok')
  const fieldsOf = (text: string) =>
    Object.fromEntries(
      [...text.matchAll(/^(X-[a-z]+-Latency|Via|Server): (.*)\r$/gim)].map(([, name = '', value]) => [name.toLowerCase(), value]),
    )
  const first = fieldsOf((await rig.exchange(GET)).text)
  assert.deepEqual(Object.keys(first).toSorted(), ['server', 'via', 'x-gateway-latency', 'x-service-latency'])
  assert.equal(first['server'], 'inner')
  const second = fieldsOf((await rig.exchange(GET)).text)
  assert.deepEqual([second['x-service-latency'], second['via'], second['server']], ['0', '1.1 turnpike', 'inner'])
  assert.equal(rig.upstream.peers.length, 1)
  const refused = fieldsOf((await rig.exchange(GET.replace('/a', '/none'))).text)
  assert.match(refused['x-response-latency'] ?? '', /^\d+$/)
  assert.deepEqual(Object.keys(refused).toSorted(), ['server', 'x-response-latency'])
})
