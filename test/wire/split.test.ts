/** Routes that are split over services, and copies for a mirror. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { always, echo, eventually, type Rig, startRig } from './harness.ts'

const named = (name: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`

async function splitRig(t: Parameters<typeof startRig>[0], weights: Readonly<Record<string, number>>, sticky?: string): Promise<Rig> {
  const rig = await startRig(t, { route: { split: { services: weights, ...(sticky !== undefined && { sticky }) } } })
  rig.upstream.onConnection = always(named('main'))
  rig.backup.onConnection = always(named('backup'))
  return rig
}

/** The services that answer so many requests with these headers, over one connection. */
async function ask(rig: Rig, count: number, headers = ''): Promise<{ readonly bodies: string[]; readonly heads: string[] }> {
  const client = await rig.connect()
  const bodies: string[] = []
  const heads: string[] = []
  for (let i = 0; i < count; i++) {
    client.write(`GET / HTTP/1.1\r\nHost: a\r\n${headers}\r\n`)
    const { head, body } = await client.readResponse()
    bodies.push(body)
    heads.push(head)
  }
  return { bodies, heads }
}

test('requests are divided by weight', async (t) => {
  const rig = await splitRig(t, { main: 3, backup: 1 })
  const { bodies } = await ask(rig, 400)
  const share = bodies.filter((body) => body === 'backup').length / bodies.length
  // Six standard deviations of a fair division.
  assert.ok(share > 0.12 && share < 0.38, `${share} went to backup`)
})

test('a weight of 0 gets nothing', async (t) => {
  const rig = await splitRig(t, { main: 1, backup: 0 })
  const { bodies } = await ask(rig, 50)
  assert.ok(bodies.every((body) => body === 'main'))
})

test('a header keeps its requests with one service, and others go elsewhere', async (t) => {
  const rig = await splitRig(t, { main: 1, backup: 1 }, 'header:X-Tenant')
  const chosen = new Set<string>()
  for (let tenant = 0; tenant < 20; tenant++) {
    const { bodies } = await ask(rig, 5, `X-Tenant: ${tenant}\r\n`)
    assert.equal(new Set(bodies).size, 1)
    chosen.add(bodies[0] ?? '')
  }
  assert.deepEqual([...chosen].sort(), ['backup', 'main'])
})

test('a cookie that is missing is set, and keeps its bearer with the service of the first answer', async (t) => {
  const rig = await splitRig(t, { main: 1, backup: 1 }, 'cookie:lane')
  for (let i = 0; i < 10; i++) {
    const { bodies, heads } = await ask(rig, 1)
    const cookie = /\r\nSet-Cookie: (lane=[0-9a-f-]{36}); Path=\/; HttpOnly; SameSite=Lax\r\n/.exec(heads[0] ?? '')?.[1] ?? ''
    const again = await ask(rig, 4, `Cookie: a=b; ${cookie}\r\n`)
    assert.deepEqual(new Set(again.bodies), new Set(bodies))
    assert.ok(again.heads.every((head) => !head.includes('Set-Cookie')))
  }
})

test('a mirror gets a copy of what the service is sent, and its answer is dropped', async (t) => {
  const rig = await startRig(t, {
    route: { mirror: { service: 'backup' }, policies: { rewrite: { addPrefix: '/v2' } } },
  })
  rig.upstream.onConnection = echo
  rig.backup.onConnection = always('HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nevil')
  const client = await rig.connect()
  client.write('POST /a?b=c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n')
  assert.match((await client.readResponse()).body, /"line":"POST \/v2\/a\?b=c HTTP\/1.1","body":"hello"/)
  await eventually(() => rig.metric('gateway_mirror_requests_total', { service: 'backup', result: 'answered' }) === 1, 'the copy to end')
  await rig.loggedCount(1)
  assert.equal(rig.logged.length, 1, 'the copy is no request of a client')
})

test('the copy is the same request', async (t) => {
  const rig = await startRig(t, { route: { mirror: { service: 'backup' } } })
  rig.upstream.onConnection = always(named('main'))
  const client = await rig.connect()
  client.write('PUT /a HTTP/1.1\r\nHost: a.example\r\nX-Own: 1\r\nContent-Length: 3\r\n\r\nabc')
  await client.readResponse()
  const { head, body } = await (await rig.backup.accept()).readRequest()
  assert.match(head, /^PUT \/a HTTP\/1.1\r\n/)
  assert.match(head, /\r\nHost: a.example\r\n[\s\S]*X-Own: 1\r\n[\s\S]*Turnpike-Mirror: true\r\n/)
  assert.match(head, /\r\nContent-Length: 3\r\n/)
  assert.equal(body, 'abc')
})

test('a client cannot have its request taken for a copy', async (t) => {
  const rig = await startRig(t)
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      const { head } = await peer.readRequest()
      const told = /mirror/i.test(head) ? 'copy' : 'original'
      peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${told.length}\r\n\r\n${told}`)
    }
  }
  for (const name of ['Turnpike-Mirror', 'turnpike_mirror']) assert.deepEqual((await ask(rig, 1, `${name}: true\r\n`)).bodies, ['original'])
})

test('a mirror that hangs, is away or is swamped costs the original nothing', async (t) => {
  const hanging = await startRig(t, { route: { mirror: { service: 'backup', inFlightMax: 3, timeout: '60s' } } })
  hanging.upstream.onConnection = always(named('main'))
  hanging.backup.onConnection = async (peer) => void (await peer.readHead())
  assert.deepEqual(new Set((await ask(hanging, 10)).bodies), new Set(['main']))
  assert.equal(hanging.metric('gateway_mirror_skipped_total', { reason: 'in_flight_max' }), 7)

  const away = await startRig(t, { route: { mirror: { service: 'backup' } } })
  away.upstream.onConnection = always(named('main'))
  away.backup.close()
  assert.deepEqual(new Set((await ask(away, 10)).bodies), new Set(['main']))
  await eventually(() => away.metric('gateway_mirror_requests_total', { result: 'failed' }) === 10, 'the copies to fail')
})

test('a body that is too large for a copy reaches the service whole', async (t) => {
  const rig = await startRig(t, { route: { mirror: { service: 'backup', bodyMax: '8B' } } })
  rig.upstream.onConnection = echo
  const client = await rig.connect()
  for (const framed of [
    'Content-Length: 20\r\n\r\n01234567890123456789',
    'Transfer-Encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n0\r\n\r\n',
  ]) {
    client.write(`POST / HTTP/1.1\r\nHost: a\r\n${framed}`)
    assert.match((await client.readResponse()).body, /"body":"01234567890123456789"/)
  }
  assert.equal(rig.metric('gateway_mirror_skipped_total', { reason: 'body' }), 2)
  assert.equal(rig.backup.peers.length, 0)
})

test('percent: 0 copies nothing', async (t) => {
  const rig = await startRig(t, { route: { mirror: { service: 'backup', percent: 0 } } })
  rig.upstream.onConnection = always(named('main'))
  await ask(rig, 20)
  assert.equal(rig.backup.peers.length, 0)
})

test('a body that steps in shadow gave up as too large is copied from its beginning', async (t) => {
  const shadow = { mode: 'shadow', bodyBytesMax: '8B', request: { body: { set: { '/a': 1 } } } } as const
  const rig = await startRig(t, { route: { mirror: { service: 'backup' }, policies: { transform: shadow } } })
  rig.upstream.onConnection = echo
  const client = await rig.connect()
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
  client.write('a\r\n{"abcdef":\r\n')
  // The service is only asked once the steps have given up.
  const service = await rig.upstream.accept()
  await service.readThrough('{"abcdef":')
  client.write('2\r\n1}\r\n0\r\n\r\n')
  const copy = await (await rig.backup.accept()).readRequest()
  assert.equal(copy.body, '{"abcdef":1}')
})

test('a copy whose answer never ends is given up in time', async (t) => {
  const rig = await startRig(t, { route: { mirror: { service: 'backup', timeout: '100ms' } } })
  rig.upstream.onConnection = always(named('main'))
  rig.backup.onConnection = async (peer) => {
    await peer.readRequest()
    peer.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n')
    while (peer.ending === null) {
      peer.write('data: x\n\n')
      await eventually(() => true, 'a turn')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  await ask(rig, 1)
  await eventually(() => rig.metric('gateway_mirror_requests_total', { result: 'failed' }) === 1, 'the copy to end')
})
