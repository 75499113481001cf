import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import type { LookupState } from '../core/discovery.ts'
import type { ControlStatus } from '../runtime/control.ts'
import { DecisionDesk } from '../runtime/decisions/desk.ts'
import type { DiscoveryState } from '../runtime/discoveries.ts'
import { type AccessRules, callerOf } from './access.ts'
import { ConfigDesk } from './config-desk.ts'
import { isHostAllowed } from './host-guard.ts'
import { AdminServer, type AdminServerOptions } from './server.ts'
import { TapDesk } from './tap-desk.ts'
import { createTokenFile } from './token.ts'
import { TrafficDesk } from './traffic-desk.ts'

const SERVING: ControlStatus = {
  phase: 'serving',
  workersWanted: 2,
  workersServing: 2,
  wantedRevision: 'bbb',
  runningRevision: 'aaa',
  loadedAtMs: 0,
  lastError: 'turnpike.yaml:1:1: wrong',
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

function noConfig(): ConfigDesk {
  return new ConfigDesk({
    sources: [],
    check: () => assert.fail('nothing is checked'),
    reload: () => assert.fail('nothing is loaded'),
    running: () => null,
    lastError: () => null,
  })
}

async function started(t: TestContext, options: Partial<AdminServerOptions> = {}) {
  const events: string[] = []
  const note = (_: unknown, message: string) => void events.push(message)
  const log = { info: note, warn: note, error: note }
  const server = new AdminServer({
    host: '127.0.0.1',
    port: 0,
    log,
    access: () => ({ tokens: [{ name: 'ops', token: 'right', role: 'write' }], allow: null }),
    status: () => SERVING,
    display: () => ({ listeners: [] }),
    config: noConfig(),
    tap: new TapDesk(() => {}),
    metrics: async () => 'a_total 1\n',
    traffic: new TrafficDesk({ dump: async () => [], status: () => SERVING, drained: () => ({}) }),
    services: async () => [],
    setDrained: async () => ({ workers: 0, failures: [] }),
    resetBreaker: async () => ({ workers: 0, failures: [] }),
    purge: async () => ({ workers: 0, stores: [], failures: [] }),
    limits: async () => null,
    decisions: new DecisionDesk({ ask: async () => [], explain: () => Promise.reject(new Error('nothing is explained')) }),
    ...options,
  })
  const port = await server.listen()
  t.after(() => server.close())
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET', sent?: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
        text(response).then((body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }), reject)
      })
      request.on('error', reject).end(sent)
    })
  return { ask, port, events, server }
}

test('a stream is cut when its token goes, or its address is not allowed any more, and only then', async (t) => {
  const reader = { name: 'board', token: 'left', role: 'read' } as const
  const other = { name: 'ops', token: 'right', role: 'write' } as const
  let rules: AccessRules = { tokens: [reader, other], allow: null }
  const tap = new TapDesk(() => {})
  const { port, server } = await started(t, { access: () => rules, tap })
  const open = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` }
    const request = httpRequest({ host: '127.0.0.1', port, path: '/tap', headers, agent: false }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    let isOpen = true
    const closed = new Promise<void>((resolve) => {
      response
        .on('error', () => {})
        .on('close', () => {
          isOpen = false
          resolve()
        })
        .resume()
    })
    return { closed, isOpen: () => isOpen }
  }
  const [left, right] = [await open('left'), await open('right')]
  server.recheckAccess()
  rules = { tokens: [other], allow: null }
  server.recheckAccess()
  await left.closed
  assert.equal(right.isOpen(), true)
  rules = { tokens: [{ ...other, name: 'renamed', role: 'read' }], allow: ['127.0.0.0/8'] }
  server.recheckAccess()
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(right.isOpen(), true, 'a reader may watch')
  rules = { ...rules, allow: ['192.0.2.0/24'] }
  server.recheckAccess()
  await right.closed
  assert.equal(tap.isFull, false)
})

test('health, readiness and metrics need no token', async (t) => {
  const { ask } = await started(t)
  assert.deepEqual(JSON.parse((await ask('/healthz')).body), { status: 'alive' })
  assert.deepEqual(JSON.parse((await ask('/readyz?verbose')).body), {
    status: 'ready',
    workersServing: 2,
    workersWanted: 2,
    runningRevision: 'aaa',
    wantedRevision: 'bbb',
  })
  const metrics = await ask('/metrics')
  assert.equal(metrics.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal(metrics.body, 'a_total 1\n')
})

test('a token is told its name and role', async (t) => {
  const tokens = [{ name: 'board', token: 'left', role: 'read' as const }]
  const { ask } = await started(t, { access: () => ({ tokens, allow: null }) })
  assert.deepEqual(JSON.parse((await ask('/whoami', { authorization: 'Bearer left' })).body), { name: 'board', role: 'read' })
  assert.equal((await ask('/whoami', { authorization: 'Bearer right' })).status, 401)
})

test('readiness tells why not', async (t) => {
  let status: ControlStatus = SERVING
  const { ask } = await started(t, { status: () => status })
  const cases: [Partial<ControlStatus>, RegExp][] = [
    [{ phase: 'starting' }, /starting/],
    [{ phase: 'draining' }, /shutting down/],
    [{ workersServing: 0 }, /No worker serves/],
  ]
  for (const [change, reason] of cases) {
    status = { ...SERVING, ...change }
    const answer = await ask('/readyz')
    assert.equal(answer.status, 503)
    assert.equal(answer.headers['content-type'], 'application/problem+json')
    assert.match(answer.body, reason)
  }
})

test('the configuration needs the token, and then comes with revisions and the last error', async (t) => {
  const { ask } = await started(t)
  for (const authorization of ['', 'Bearer', 'Bearer wrong', 'Basic right', 'Bearer rightt', 'right']) {
    const { status, headers, body } = await ask('/config', { authorization })
    assert.equal(status, 401, authorization)
    assert.equal(headers['www-authenticate'], 'Bearer')
    assert.doesNotMatch(body, /listeners/)
  }
  assert.deepEqual(JSON.parse((await ask('/config', { authorization: 'Bearer right' })).body), {
    wantedRevision: 'bbb',
    runningRevision: 'aaa',
    loadedAt: '1970-01-01T00:00:00.000Z',
    lastError: 'turnpike.yaml:1:1: wrong',
    config: { listeners: [] },
  })
})

test('without a token nobody is let in', () => {
  const empty = [{ name: 'empty', token: '', role: 'write' }] as const
  assert.deepEqual([callerOf('Bearer ', empty), callerOf(undefined, empty), callerOf('Bearer a', [])], [null, null, null])
})

test('a Host that a web page could have chosen is refused', async (t) => {
  const { ask } = await started(t)
  assert.equal((await ask('/metrics', { host: 'evil.example:9901' })).status, 421)
  assert.equal((await ask('/metrics', { host: 'LocalHost:9901' })).status, 200)
  const allowed = ['127.0.0.1', '127.0.0.1:9901', '[::1]:9901', '10.1.2.3:80', 'localhost', 'admin.internal:1', 'a.localhost']
  const refused = [
    '',
    'evil.example',
    'localhost.evil.example',
    'localhost@evil.example',
    '127.0.0.1.evil.example',
    'localhost:',
    'a b',
    'localhost:1:2',
  ]
  for (const host of allowed) assert.equal(isHostAllowed(host, 'admin.internal'), true, host)
  for (const host of refused) assert.equal(isHostAllowed(host, 'admin.internal'), false, host)
  assert.equal(isHostAllowed(undefined, 'admin.internal'), false)
})

test('each path says which methods it has, and an unknown one which paths there are', async (t) => {
  const { ask } = await started(t)
  const post = await ask('/services', {}, 'POST')
  assert.equal(post.status, 405)
  assert.equal(post.headers.allow, 'GET, HEAD')
  for (const method of ['GET', 'OPTIONS', 'PUT']) {
    const { status, headers } = await ask('/cache/purge', {}, method)
    assert.deepEqual([status, headers.allow], [405, 'POST'], method)
  }
  assert.match((await ask('/nowhere')).body, /there is \/, \/dashboard, \/healthz, \/readyz, \/metrics, .*\/config, /)
  const head = await ask('/healthz', {}, 'HEAD')
  assert.deepEqual([head.status, head.body], [200, ''])
  for (const path of ['/nowhere', '/config/', '//config', '/healthz/../config', '/%63onfig'])
    assert.equal((await ask(path)).status, 404, path)
})

test('the states of services need the token', async (t) => {
  const { ask } = await started(t, { services: async () => [{ worker: 1, pid: 7, services: [], reason: null }] })
  assert.equal((await ask('/services')).status, 401)
  const { status, body } = await ask('/services', { authorization: 'Bearer right' })
  assert.deepEqual([status, JSON.parse(body)], [200, { workers: [{ worker: 1, pid: 7, answered: true }], services: [] }])
})

test('what is known of names in the DNS needs the token; other registries are not shown there', async (t) => {
  const lookup: LookupState = {
    name: 'users.test',
    type: 'A',
    records: ['10.0.0.1'],
    askedAgainInMs: 1_000,
    lastAskedAt: '2026-01-01T00:00:00.000Z',
    server: '10.0.0.53:53',
    lastError: null,
  }
  const { ask } = await started(t, {
    discoveries: () =>
      new Map<string, DiscoveryState>([
        ['orders', { kind: 'consul', targets: 3, degraded: null, lookups: [] }],
        ['users', { kind: 'dns', targets: 1, degraded: null, lookups: [lookup] }],
      ]),
  })
  assert.equal((await ask('/dns')).status, 401)
  const { status, body } = await ask('/dns', { authorization: 'Bearer right' })
  assert.deepEqual([status, JSON.parse(body)], [200, { services: [{ name: 'users', targets: 1, degraded: null, lookups: [lookup] }] }])
})

const PURGE_HEADERS = { authorization: 'Bearer right', 'content-type': 'application/json' }
const BODY_BYTES_MAX = 64 * 1024

test('a purge is passed on, answered with what was done, and written to the log', async (t) => {
  const asked: unknown[] = []
  const { ask, events } = await started(t, {
    purge: async (purges) => {
      asked.push(purges)
      return { workers: 2, stores: ['memory'], failures: [] }
    },
  })
  const headers = { ...PURGE_HEADERS, 'content-type': 'Application/JSON; charset=utf-8' }
  const { status, body } = await ask('/cache/purge', headers, 'POST', '{"tags":["a","b"]}')
  const purged = [
    { kind: 'tag', tag: 'a' },
    { kind: 'tag', tag: 'b' },
  ]
  assert.deepEqual([status, JSON.parse(body)], [200, { purged, workers: 2, stores: ['memory'] }])
  assert.deepEqual([asked, events], [[purged], ['the cache was purged', 'an admin write']])
})

test('a purge that was not done everywhere is no success, and says what happened', async (t) => {
  const result = { workers: 1, stores: ['memory'], failures: ['worker 2 did not answer "purge" in 5000 ms'] } as const
  const { ask, events } = await started(t, { purge: async () => result })
  const { status, headers, body } = await ask('/cache/purge', PURGE_HEADERS, 'POST', '{"all":true}')
  assert.deepEqual([status, headers['content-type']], [503, 'application/problem+json'])
  const { detail, failures } = JSON.parse(body)
  assert.deepEqual([detail, failures], ['The purge was not done everywhere. It may be repeated.', result.failures])
  assert.deepEqual(events, ['a purge of the cache was not done everywhere', 'an admin write was not done'])
})

test('a purge that is not authorised, of another type, too large or no purge is refused and passes nothing on', async (t) => {
  const { ask, events } = await started(t, { purge: () => assert.fail('a purge was passed on') })
  const all = '{"all":true}'
  const cases: [number, Record<string, string>, string][] = [
    [401, { 'content-type': 'application/json' }, all],
    [415, { authorization: 'Bearer right' }, all],
    [415, { ...PURGE_HEADERS, 'content-type': 'text/plain' }, all],
    [415, { ...PURGE_HEADERS, 'content-type': 'application/jsonp' }, all],
    [413, PURGE_HEADERS, ' '.repeat(BODY_BYTES_MAX + 1)],
    [413, { ...PURGE_HEADERS, 'transfer-encoding': 'chunked' }, ' '.repeat(BODY_BYTES_MAX + 1)],
    [400, PURGE_HEADERS, '{}'],
    [400, PURGE_HEADERS, ''],
  ]
  for (const [expected, headers, sent] of cases) {
    const { status, headers: answered } = await ask('/cache/purge', headers, 'POST', sent)
    assert.equal(status, expected)
    assert.equal(answered['content-type'], 'application/problem+json')
    assert.equal(answered['access-control-allow-origin'], undefined)
  }
  const exact = await ask('/cache/purge', PURGE_HEADERS, 'POST', '{"all":false}'.padEnd(BODY_BYTES_MAX))
  assert.equal(exact.status, 400)
  assert.deepEqual(new Set(events), new Set(['an admin write was not done']))
})

test('a failure is told in the log and not to the client', async (t) => {
  const { ask, events } = await started(t, { metrics: () => Promise.reject(new Error('10.0.0.7 is down')) })
  const { status, body } = await ask('/metrics')
  assert.equal(status, 500)
  assert.doesNotMatch(body, /10\.0\.0\.7/)
  assert.deepEqual(events, ['an admin request failed'])
})

test('a port in use is a sentence', async (t) => {
  const { port } = await started(t)
  await assert.rejects(started(t, { port }), { message: `the admin port 127.0.0.1:${port} is in use by another program` })
})

test('the token file is for its owner only, and never written through a link', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-token-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const victim = join(folder, 'victim')
  writeFileSync(victim, 'untouched')
  symlinkSync(victim, join(folder, 'admin-9901.token'))
  const { token, file, remove } = createTokenFile(folder, 9901)
  assert.equal(readFileSync(victim, 'utf8'), 'untouched')
  assert.equal(readFileSync(file, 'utf8').trim(), token)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(token.length >= 43)
  remove()
  assert.throws(() => statSync(file), { code: 'ENOENT' })
})

test('a token that may only read is refused for a write, and each write is a line of the event log', async (t) => {
  const lines: [string, Record<string, unknown>][] = []
  const note = (fields: Readonly<Record<string, unknown>>, message: string) => void lines.push([message, fields])
  const { ask } = await started(t, {
    log: { info: note, warn: note, error: note },
    access: () => ({
      tokens: [
        { name: 'ops', token: 'w', role: 'write' },
        { name: 'board', token: 'r', role: 'read' },
      ],
      allow: null,
    }),
  })
  const purge = (token: string) =>
    ask('/cache/purge', { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, 'POST', '{"all":true}')
  assert.equal((await ask('/config', { authorization: 'Bearer r' })).status, 200)
  assert.equal((await purge('r')).status, 403)
  assert.equal((await purge('w')).status, 200)
  assert.equal((await purge('x')).status, 401)
  const audit = lines.filter(([message]) => message.startsWith('an admin write'))
  const common = { client: '127.0.0.1', method: 'POST', path: '/cache/purge' }
  assert.deepEqual(audit, [
    ['an admin write was not done', { who: 'board', ...common, status: 403 }],
    ['an admin write', { who: 'ops', ...common, status: 200 }],
  ])
})

test('an address that is not allowed gets health and readiness only', async (t) => {
  const { ask } = await started(t, { access: () => ({ tokens: [{ name: 'ops', token: 'w', role: 'write' }], allow: ['192.0.2.0/24'] }) })
  for (const path of ['/healthz', '/readyz']) assert.equal((await ask(path)).status, 200, path)
  for (const path of ['/metrics', '/config', '/nothing']) assert.equal((await ask(path, { authorization: 'Bearer w' })).status, 403, path)
})

test('the API describes itself', async (t) => {
  const { ask } = await started(t)
  const { status, body } = await ask('/openapi.json', { authorization: 'Bearer right' })
  assert.deepEqual([status, JSON.parse(body).openapi], [200, '3.1.0'])
})
