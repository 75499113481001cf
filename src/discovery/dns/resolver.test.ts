import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../core/clock.ts'
import { Places } from './places.ts'
import type { DnsServer } from './query.ts'
import { DnsResolver, type Resolved } from './resolver.ts'
import { type Asked, responseBytes, ScriptedDnsServer, zone } from './testing.ts'

/** A resolver over these servers, and what it has counted. */
function over(...servers: readonly { readonly port: number }[]) {
  const counts: Record<string, number> = {}
  const list: readonly DnsServer[] = servers.map(({ port }) => ({ host: '127.0.0.1', port }))
  const { resolve } = new DnsResolver({
    clock: systemClock,
    metrics: {
      counter: (_name, _help, { result = '' }) => ({
        add: (amount) => {
          counts[result] = (counts[result] ?? 0) + amount
        },
      }),
      gauge: () => ({ set: () => {}, add: () => {} }),
      histogram: () => ({ observe: () => {} }),
    },
    servers: () => list,
    places: new Places(8),
  })
  const ask = (name: string, type: 'A' | 'AAAA' | 'SRV' = 'A', signal = new AbortController().signal): Promise<Resolved> =>
    resolve({ name, type }, signal)
  return { ask, counts }
}

/** A port that nobody listens at. */
async function closedPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await new Promise<void>((resolve) => socket.once('listening', resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return port
}

const start = (t: TestContext, ...lines: readonly string[]): Promise<ScriptedDnsServer> => ScriptedDnsServer.start(t, zone(lines))

test('addresses come with the least time to live of their records', async (t) => {
  const server = await start(t, 'users.test 30 A 10.0.0.1', 'users.test 20 A 10.0.0.2', 'users.test 9 AAAA fd00:0:0:0:0:0:0:1')
  const { ask, counts } = over(server)
  assert.deepEqual(await ask('Users.test.'), {
    answer: { kind: 'addresses', addresses: ['10.0.0.1', '10.0.0.2'], ttlMs: 20_000 },
    server: server.address,
  })
  assert.deepEqual((await ask('users.test', 'AAAA')).answer, { kind: 'addresses', addresses: ['fd00::1'], ttlMs: 9_000 })
  assert.equal(counts['found'], 2)
})

test('each question has an id and a port of its own', async (t) => {
  const server = await start(t, 'users.test 30 A 10.0.0.1')
  const { ask } = over(server)
  for (let i = 0; i < 8; i++) await ask('users.test')
  // Eight equal numbers of 65,536 do not come about by chance.
  assert.ok(new Set(server.asked.map(({ id }) => id)).size > 1)
  assert.ok(new Set(server.asked.map(({ port }) => port)).size > 1)
})

test('a name that is not there, and a record that is not there, are answers with a time to live', async (t) => {
  const server = await start(t, 'users.test 30 A 10.0.0.1')
  const { ask, counts } = over(server)
  assert.deepEqual((await ask('nobody.test')).answer, { kind: 'none', why: 'NXDOMAIN', ttlMs: 1_000 })
  assert.deepEqual((await ask('users.test', 'AAAA')).answer, { kind: 'none', why: 'NODATA', ttlMs: 1_000 })
  assert.deepEqual(counts, { none: 2 })
})

test('aliases are followed within an answer', async (t) => {
  const server = await ScriptedDnsServer.start(t, () => ({
    answers: ['a.test 50 CNAME b.test', 'b.test 7 CNAME c.test', 'c.test 60 A 10.0.0.3', 'other.test 1 A 10.9.9.9'],
  }))
  assert.deepEqual((await over(server).ask('a.test')).answer, { kind: 'addresses', addresses: ['10.0.0.3'], ttlMs: 7_000 })
})

test('aliases are followed by further questions where the server does not', async (t) => {
  const server = await start(t, 'a.test 50 CNAME b.test', 'b.test 7 CNAME c.test', 'c.test 60 A 10.0.0.3')
  assert.deepEqual((await over(server).ask('a.test')).answer, { kind: 'addresses', addresses: ['10.0.0.3'], ttlMs: 7_000 })
  assert.deepEqual(
    server.asked.map(({ name }) => name),
    ['a.test', 'b.test', 'c.test'],
  )
})

test('aliases that go round in a circle are a fault, within an answer and over several', async (t) => {
  const within = await ScriptedDnsServer.start(t, () => ({ answers: ['a.test 50 CNAME b.test', 'b.test 7 CNAME a.test'] }))
  const over2 = await start(t, 'a.test 50 CNAME b.test', 'b.test 7 CNAME a.test')
  await assert.rejects(over(within).ask('a.test'), /more than 16 aliases/)
  await assert.rejects(over(over2).ask('a.test'), /more than 16 aliases/)
})

test('SRV records come with the addresses that the server adds', async (t) => {
  const server = await ScriptedDnsServer.start(t, () => ({
    answers: ['_http._tcp.test 30 SRV 1 2 8080 a.test', '_http._tcp.test 30 SRV 1 3 8081 b.test'],
    additionals: ['a.test 5 A 10.0.0.1', 'a.test 8 AAAA fd00:0:0:0:0:0:0:1', 'stranger.test 1 A 10.9.9.9'],
  }))
  assert.deepEqual((await over(server).ask('_http._tcp.test', 'SRV')).answer, {
    kind: 'services',
    services: [
      { priority: 1, weight: 2, port: 8080, target: 'a.test', addresses: ['10.0.0.1', 'fd00::1'] },
      { priority: 1, weight: 3, port: 8081, target: 'b.test', addresses: [] },
    ],
    ttlMs: 5_000,
  })
})

test('an answer that does not fit is asked for over TCP', async (t) => {
  const many = Array.from({ length: 300 }, (_, i) => `big.test 30 A 10.0.${i >> 8}.${i & 255}`)
  const server = await ScriptedDnsServer.start(t, ({ transport }) => (transport === 'udp' ? { truncated: true } : { answers: many }))
  const { answer } = await over(server).ask('big.test')
  assert.equal(answer.kind === 'addresses' && answer.addresses.length, 300)
  assert.deepEqual(
    server.asked.map(({ transport }) => transport),
    ['udp', 'tcp'],
  )
})

test('an answer over TCP may come in any pieces', async (t) => {
  for (const pieceBytes of [1, 2, 3]) {
    const server = await ScriptedDnsServer.start(t, ({ transport }) => ({
      truncated: transport === 'udp',
      answers: transport === 'udp' ? [] : ['big.test 30 A 10.0.0.1'],
    }))
    server.pieceBytes = pieceBytes
    assert.equal((await over(server).ask('big.test')).answer.kind, 'addresses', `${pieceBytes}`)
  }
})

test('over TCP an answer to another question, a truncated one, half of one, none or garbage is a fault', async (t) => {
  const answers = ['big.test 30 A 10.0.0.1']
  const cases: readonly (readonly [string, (asked: Asked) => Buffer])[] = [
    ['malformed', (asked) => responseBytes({ ...asked, id: asked.id ^ 1 }, { answers })],
    ['malformed', (asked) => responseBytes({ ...asked, name: 'other.test' }, { answers })],
    ['malformed', (asked) => responseBytes(asked, { truncated: true })],
    ['malformed', (asked) => responseBytes(asked, { answers }).subarray(0, -1)],
    ['malformed', () => Buffer.alloc(0)],
    ['malformed', () => Buffer.alloc(65_535, 0xc0)],
  ]
  for (const [result, bytes] of cases) {
    const server = await ScriptedDnsServer.start(t, (asked) => (asked.transport === 'udp' ? { truncated: true } : bytes(asked)))
    const { ask, counts } = over(server)
    await assert.rejects(ask('big.test'))
    assert.deepEqual(counts, { [result]: 1 })
  }
  const closing = await ScriptedDnsServer.start(t, ({ transport }) => (transport === 'udp' ? { truncated: true } : null))
  closing.closesTcp = true
  const { ask, counts } = over(closing)
  await assert.rejects(ask('big.test'), /the connection ended before the answer/)
  assert.deepEqual(counts, { unreachable: 1 })
})

test('what is in a truncated answer is not used', async (t) => {
  const server = await ScriptedDnsServer.start(t, ({ transport }) =>
    transport === 'udp' ? { truncated: true, answers: ['big.test 30 A 10.9.9.9'] } : { answers: ['big.test 30 A 10.0.0.1'] },
  )
  assert.deepEqual((await over(server).ask('big.test')).answer, { kind: 'addresses', addresses: ['10.0.0.1'], ttlMs: 30_000 })
})

test('forged packets before the answer change nothing: another id, another question, garbage', async (t) => {
  const forged = { answers: ['users.test 3600 A 10.6.6.6'] }
  const server = await ScriptedDnsServer.start(t, (asked) => [
    responseBytes({ ...asked, id: asked.id ^ 1 }, forged),
    responseBytes({ ...asked, name: 'users.tesy' }, forged),
    responseBytes({ ...asked, type: 'AAAA' }, forged),
    Buffer.from('garbage'),
    Buffer.alloc(0),
    responseBytes(asked, { answers: ['users.test 30 A 10.0.0.1'] }),
  ])
  const { ask, counts } = over(server)
  assert.deepEqual((await ask('users.test')).answer, { kind: 'addresses', addresses: ['10.0.0.1'], ttlMs: 30_000 })
  assert.deepEqual(counts, { found: 1 })
})

test('a packet of another sender is no answer, even with the right id', async (t) => {
  const stranger = createSocket('udp4')
  t.after(() => stranger.close())
  const server = await ScriptedDnsServer.start(t, (asked) => {
    if (server.asked.length > 1) return { answers: ['users.test 30 A 10.0.0.1'] }
    stranger.send(responseBytes(asked, { answers: ['users.test 3600 A 10.6.6.6'] }), asked.port, '127.0.0.1')
    return null
  })
  const { ask, counts } = over(server)
  assert.deepEqual((await ask('users.test')).answer, { kind: 'addresses', addresses: ['10.0.0.1'], ttlMs: 30_000 })
  assert.deepEqual(counts, { timeout: 1, found: 1 })
})

test('a server that knows no EDNS is asked without', async (t) => {
  const server = await ScriptedDnsServer.start(t, ({ hasEdns }) => (hasEdns ? { code: 1 } : { answers: ['users.test 30 A 10.0.0.1'] }))
  assert.equal((await over(server).ask('users.test')).answer.kind, 'addresses')
})

test('when a server is not there, refuses, fails, refers or talks nonsense, the next one is asked', async (t) => {
  const good = await start(t, 'users.test 30 A 10.0.0.1')
  const refusing = await ScriptedDnsServer.start(t, () => ({ code: 5 }))
  const failing = await ScriptedDnsServer.start(t, () => ({ code: 2 }))
  const referring = await ScriptedDnsServer.start(t, () => ({ authorities: ['test 60 NS ns.test'] }))
  const babbling = await ScriptedDnsServer.start(t, (asked) =>
    responseBytes(asked, { answers: ['users.test 30 A 10.0.0.9'] }).subarray(0, -1),
  )
  const { ask, counts } = over({ port: await closedPort() }, refusing, failing, referring, babbling, good)
  assert.equal((await ask('users.test')).server, good.address)
  assert.deepEqual(counts, { unreachable: 1, refused: 3, malformed: 1, found: 1 })
  // And the one that answered is asked first from now on.
  await ask('users.test')
  assert.equal(refusing.asked.length, 1)
})

test('a server that says nothing is asked again after the others', async (t) => {
  let times = 0
  const deaf = await ScriptedDnsServer.start(t, () => (++times === 1 ? null : { answers: ['users.test 30 A 10.0.0.1'] }))
  const refusing = await ScriptedDnsServer.start(t, () => ({ code: 5 }))
  const { ask, counts } = over(deaf, refusing)
  assert.equal((await ask('users.test')).server, deaf.address)
  assert.deepEqual(counts, { timeout: 1, refused: 1, found: 1 })
})

test('when nobody answers the error says why of each', async (t) => {
  const refusing = await ScriptedDnsServer.start(t, () => ({ code: 5 }))
  const failing = await ScriptedDnsServer.start(t, () => ({ code: 2 }))
  await assert.rejects(over(refusing, failing).ask('users.test'), {
    message: `${refusing.address}: REFUSED; ${failing.address}: SERVFAIL`,
  })
  await assert.rejects(over().ask('users.test'), { message: 'there is no DNS server to ask' })
  await assert.rejects(over(refusing).ask('no name'), /no name that can be asked for/)
})

test('a question that is aborted ends at once, over UDP and over TCP', async (t) => {
  const deaf = await ScriptedDnsServer.start(t, ({ transport }) => (transport === 'udp' ? { truncated: true } : null))
  const closing = new AbortController()
  const asking = over(deaf).ask('users.test', 'A', closing.signal)
  while (deaf.asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  closing.abort(new Error('over'))
  await assert.rejects(asking, { message: 'over' })
  await assert.rejects(over(deaf).ask('users.test', 'A', closing.signal), { message: 'over' })
})
