/** Targets that refuse, hang, answer garbage or the wrong thing, and come back: what checks see of them, and where requests go. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { always, eventually, type Rig, type RigOptions, startRig } from './harness.ts'
import { fieldOf, type Peer, ScriptedServer } from './peer.ts'

type HealthInput = NonNullable<NonNullable<RigOptions['service']>['health']>

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const answer = (body: string, status = '200 OK'): string => `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
/** Often, and with a limit that only a check which hangs meets, on a busy machine too. */
const SOON = { interval: 100, timeout: 500, unhealthyAfter: 1, healthyAfter: 1 } as const

/** How a target deals with one check, once it has read it. */
type Script = (peer: Peer) => void

/** Answers checks, which ask for `/healthz`, by a script that may change, and requests with its name. */
class Checked {
  readonly server = new ScriptedServer()
  readonly checks: string[] = []
  script: Script

  constructor(name: string, script: Script) {
    this.script = script
    this.server.onConnection = async (peer) => {
      for (;;) {
        const { head } = await peer.readRequest()
        if (head.startsWith('GET /healthz')) {
          this.checks.push(head)
          this.script(peer)
        } else {
          peer.write(answer(name))
        }
      }
    }
  }
}

interface Pair {
  readonly rig: Rig
  readonly ill: Checked
}

/** A gateway in front of two targets: one that is well, and one that does with checks what the script says. */
async function startPair(t: TestContext, active: HealthInput['active'], script: Script): Promise<Pair> {
  const ill = new Checked('ill', script)
  await ill.server.open()
  t.after(() => ill.server.close())
  const rig = await startRig(t, {
    service: { health: { active: { path: '/healthz', ...SOON, ...active }, panicPercent: 0 } },
    ports: (port) => [port, ill.server.port],
  })
  rig.upstream.onConnection = new Checked('well', (peer) => peer.write(answer('fine'))).server.onConnection
  return { rig, ill }
}

const targets = (rig: Rig, state: string): number => rig.metric('gateway_targets', { service: 'main', state })

async function ask(rig: Rig, count: number): Promise<Set<string>> {
  const client = await rig.connect()
  const bodies = new Set<string>()
  for (let i = 0; i < count; i++) {
    client.write(GET)
    bodies.add((await client.readResponse()).body)
  }
  client.socket.destroy()
  return bodies
}

const ILLS: readonly (readonly [string, HealthInput['active'], Script])[] = [
  ['hangs', {}, () => {}],
  ['closes without an answer', {}, (peer) => peer.finish()],
  ['resets the connection', {}, (peer) => peer.reset()],
  ['answers no HTTP', {}, (peer) => peer.write('SSH-2.0-OpenSSH_9.2\r\n')],
  ['answers half a head', {}, (peer) => peer.write('HTTP/1.1 200 OK\r\nContent-')],
  ['answers a head without end', {}, (peer) => peer.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`)],
  ['answers a wrong status', {}, (peer) => peer.write(answer('fine', '503 Service Unavailable'))],
  ['answers a wrong body', { body: 'fine' }, (peer) => peer.write(answer('sorry'))],
  ['answers a body that the expression does not match', { body: '~^fine$' }, (peer) => peer.write(answer('refine'))],
  ['breaks off in its body', { body: 'fi' }, (peer) => peer.finish('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine')],
  ['hangs in its body', { body: 'fi' }, (peer) => peer.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine')],
  ['answers what must be there too late in its body', { body: 'fine' }, (peer) => peer.write(answer(`${'x'.repeat(65_534)}fine`))],
]
for (const [what, active, script] of ILLS) {
  test(`a target that ${what} gets no requests, and gets them again when it is well`, async (t) => {
    const { rig, ill } = await startPair(t, active, script)
    await eventually(() => targets(rig, 'unhealthy') === 1 && targets(rig, 'healthy') === 1, 'one to be unhealthy')
    assert.deepEqual(await ask(rig, 10), new Set(['well']))
    ill.script = (peer) => peer.write(answer('fine'))
    await eventually(() => targets(rig, 'healthy') === 2, 'both to be healthy')
    assert.deepEqual(await ask(rig, 10), new Set(['well', 'ill']))
  })
}

test('a target where nothing listens gets no requests, and gets them when something does', async (t) => {
  const closed = await new ScriptedServer().open()
  closed.close()
  const rig = await startRig(t, {
    service: { health: { active: { kind: 'tcp', ...SOON }, panicPercent: 0 } },
    ports: (port) => [port, closed.port],
  })
  rig.upstream.onConnection = always(answer('well'))
  await eventually(() => targets(rig, 'unhealthy') === 1 && targets(rig, 'healthy') === 1, 'one to be unhealthy')
  assert.deepEqual(await ask(rig, 10), new Set(['well']))
})

test('a check says what was configured, over a connection of its own that is closed behind it', async (t) => {
  const active = { path: '/healthz?deep=1', host: 'health.internal', headers: { 'X-Check': 'yes' }, body: '~(?i)FI[n]e' }
  const { rig, ill } = await startPair(t, active, (peer) => peer.write(answer('all fine')))
  await eventually(() => ill.checks.length >= 2, 'two checks')
  const [check = ''] = ill.checks
  assert.ok(check.startsWith('GET /healthz?deep=1 HTTP/1.1\r\nHost: health.internal\r\n'), check)
  for (const [name, value] of [
    ['x-check', 'yes'],
    ['connection', 'close'],
    ['user-agent', 'turnpike-health-check'],
  ] as const) {
    assert.equal(fieldOf(check, name), value)
  }
  const [first, second] = ill.server.peers
  await first?.ended()
  assert.ok(second !== undefined)
  assert.equal(rig.upstreamConnections(), 0, 'the pool of the traffic has none')
  await eventually(() => rig.metric('gateway_health_checks_total', { result: 'passed' }) >= 4, 'checks to be counted')
})

test('without a host the check asks for the address of the target', async (t) => {
  const { ill } = await startPair(t, {}, (peer) => peer.write(answer('')))
  await eventually(() => ill.checks.length > 0, 'a check')
  assert.equal(fieldOf(ill.checks[0] ?? '', 'host'), `127.0.0.1:${ill.server.port}`)
})

test('a check by TCP connects and says nothing', async (t) => {
  const rig = await startRig(t, { service: { health: { active: { kind: 'tcp', ...SOON } } } })
  const peer = await rig.upstream.accept()
  assert.deepEqual(await peer.readAll(), { text: '', ending: 'finished' })
  await eventually(() => targets(rig, 'healthy') === 1, 'the target to be healthy')
})

test('where all targets are ill, all are used, unless that is forbidden', async (t) => {
  for (const [panicPercent, status] of [
    [10, 200],
    [0, 503],
  ] as const) {
    const rig = await startRig(t, { service: { health: { active: { path: '/healthz', ...SOON, statuses: [204] }, panicPercent } } })
    rig.upstream.onConnection = always(answer('ok'))
    await eventually(() => targets(rig, 'unhealthy') === 1, 'the target to be unhealthy')
    assert.equal(rig.metric('gateway_panic_workers'), panicPercent === 0 ? 0 : 1)
    const client = await rig.connect()
    client.write(GET)
    const { head } = await client.readResponse()
    assert.equal(Number(head.slice(9, 12)), status)
    if (status === 503) assert.equal(fieldOf(head, 'turnpike-error'), 'service_unavailable')
  }
})

test('a target whose answers fail is ejected, and clients see its errors no more', async (t) => {
  const ill = await new ScriptedServer().open()
  t.after(() => ill.close())
  ill.onConnection = always(answer('ill', '500 Internal Server Error'))
  const rig = await startRig(t, {
    service: { health: { passive: { failures: 3, ejection: 60_000 } } },
    ports: (port) => [port, ill.port],
  })
  rig.upstream.onConnection = always(answer('well'))
  await ask(rig, 6)
  assert.equal(targets(rig, 'ejected'), 1)
  assert.equal(rig.metric('gateway_target_ejections_total'), 1)
  assert.deepEqual(await ask(rig, 10), new Set(['well']))
})

test('an open breaker answers 503 by itself with the time to wait, and closes when the service is well', async (t) => {
  const rig = await startRig(t, { service: { breaker: { failures: 2, recovery: 200, successes: 1 } } })
  let isIll = true
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      await peer.readRequest()
      peer.write(isIll ? answer('ill', '500 Internal Server Error') : answer('well'))
    }
  }
  const client = await rig.connect()
  const get = async (): Promise<{ readonly status: string; readonly head: string; readonly body: string }> => {
    client.write(GET)
    const { head, body } = await client.readResponse()
    return { status: head.slice(9, 12), head, body }
  }
  for (let i = 0; i < 2; i++) assert.equal((await get()).status, '500')
  let refused = await get()
  // Where the machine stood still for as long as the recovery, this was a probe.
  while (refused.status === '500') refused = await get()
  assert.equal(refused.status, '503')
  assert.equal(fieldOf(refused.head, 'turnpike-error'), 'circuit_open')
  assert.equal(fieldOf(refused.head, 'retry-after'), '1')
  assert.match(refused.body, /"error":"Service temporarily unavailable"/)
  assert.equal(rig.metric('gateway_breaker_workers', { state: 'open' }), 1)
  isIll = false
  const deadline = Date.now() + 8_000
  let last = await get()
  while (last.status !== '200' && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    last = await get()
  }
  assert.equal(last.body, 'well')
  assert.equal(rig.metric('gateway_breaker_workers', { state: 'closed' }), 1)
  assert.equal(rig.metric('gateway_breaker_transitions_total', { to: 'closed' }), 1)
})

test('exchanges beyond the bound wait in turn, and beyond the queue they are 503', async (t) => {
  const rig = await startRig(t, { service: { concurrency: { max: 1, queue: 1, queueTimeout: 8_000 } } })
  const [first, second, third] = [await rig.connect(), await rig.connect(), await rig.connect()]
  first.write(GET)
  const service = await rig.upstream.accept()
  await service.readRequest()
  second.write(GET)
  await eventually(() => rig.metric('gateway_service_queued') === 1, 'the second to wait')
  third.write(GET)
  assert.equal(fieldOf((await third.readResponse()).head, 'turnpike-error'), 'service_overloaded')
  assert.equal(rig.metric('gateway_service_shed_total', { cause: 'queue_full' }), 1)
  service.write(answer('one'))
  assert.equal((await first.readResponse()).body, 'one')
  await service.readRequest()
  assert.equal(rig.upstream.peers.length, 1, 'over the same connection')
  service.write(answer('two'))
  assert.equal((await second.readResponse()).body, 'two')
  await eventually(() => rig.metric('gateway_service_in_flight') === 0, 'both to have left')
})

test('who waits too long for a place is 503, and who hangs up waits no more', async (t) => {
  const rig = await startRig(t, { service: { concurrency: { max: 1, queue: 2, queueTimeout: 1_000 } } })
  const [first, second, third] = [await rig.connect(), await rig.connect(), await rig.connect()]
  first.write(GET)
  const service = await rig.upstream.accept()
  await service.readRequest()
  second.write(GET)
  third.write(GET)
  await eventually(() => rig.metric('gateway_service_queued') === 2, 'two to wait')
  third.reset()
  assert.equal(fieldOf((await second.readResponse()).head, 'turnpike-error'), 'service_queue_timeout')
  await eventually(() => rig.metric('gateway_service_queued') === 0, 'the queue to be empty')
  assert.equal(rig.metric('gateway_service_shed_total', { cause: 'queue_timeout' }), 1)
  service.write(answer('one'))
  assert.equal((await first.readResponse()).body, 'one')
})
