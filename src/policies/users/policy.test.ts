import assert from 'node:assert/strict'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { after, before, beforeEach, test } from 'node:test'
import { type Admission, admit } from '../../core/caller.ts'
import { GatewayError } from '../../core/errors.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { PolicySteps, PolicySurroundings } from '../../core/policy.ts'
import type { ValueStore } from '../../core/store.ts'
import { httpClient } from '../../runtime/http-client.ts'
import { compilePolicy, contextWith, exchangeOf, problemsOf } from '../testing.ts'
import { users } from './policy.ts'

/** A user service: answers as `answer` says, and keeps what it was asked. */
const asked: { readonly url: string; readonly token: string }[] = []
const held: ServerResponse[] = []
let answer: (name: string, response: ServerResponse) => void
let server: Server
let origin = ''

const RECORD = { roles: ['editor'], permissions: ['orders:read'] }

function json(value: unknown, status = 200): typeof answer {
  return (_name, response) => response.writeHead(status).end(typeof value === 'string' ? value : JSON.stringify(value))
}

function listen(port: number): Promise<number> {
  server = createServer((request, response) => {
    asked.push({ url: request.url ?? '', token: request.headers['x-token']?.toString() ?? '' })
    answer(decodeURIComponent(request.url?.split('/').at(-1) ?? ''), response)
  })
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}

function stop(): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

let port = 0
before(async () => {
  port = await listen(0)
  origin = `http://127.0.0.1:${port}`
})
after(stop)
beforeEach(() => {
  asked.length = 0
  held.length = 0
  answer = json(RECORD)
})

/** A store in memory that can be ill. */
class FakeStore implements ValueStore {
  readonly values = new Map<string, string>()
  readonly ttls: number[] = []
  isDown = false

  get(key: string): Promise<string | undefined> {
    return this.isDown ? this.#fail() : Promise.resolve(this.values.get(key))
  }

  set(key: string, value: string, ttlMs: number): Promise<void> {
    if (this.isDown) return this.#fail()
    this.values.set(key, value)
    this.ttls.push(ttlMs)
    return Promise.resolve()
  }

  #fail(): Promise<never> {
    const reason = 'redis at 10.0.0.1 does not answer'
    return Promise.reject(new GatewayError('store_unavailable', reason, 'upstream', 'never', new Error(reason)))
  }
}

/** The policy, and what it says and counts. */
class Bench {
  readonly warnings: string[] = []
  readonly reasons: unknown[] = []
  readonly store = new FakeStore()
  now = 5_000
  readonly counts: Record<string, number> = {}
  readonly #context = contextWith({
    clock: { now: () => this.now, epochMs: () => 0, random: () => 0, uuid: () => '' },
    log: {
      info: () => {},
      error: () => {},
      warn: ({ reason }, message) => {
        this.warnings.push(message)
        this.reasons.push(reason)
      },
    },
    metrics: {
      counter: (name, _help, { result = '' }) => ({
        add: (amount) => {
          assert.equal(name, 'gateway_user_lookups_total')
          this.counts[result] = (this.counts[result] ?? 0) + amount
        },
      }),
      gauge: () => assert.fail('no gauge'),
      histogram: () => assert.fail('no histogram'),
    },
    http: httpClient,
    stores: {
      limits: () => assert.fail('no limits'),
      values: () => this.store,
      responses: () => assert.fail('no responses'),
    },
  })

  /** Compiles anew in the same process, as a reload does. */
  steps(options: object = {}): Promise<PolicySteps> {
    return compilePolicy(users, { url: `${origin}/users/{sub}`, ...options }, this.#context)
  }
}

function caller(found: Partial<Admission> | null): Exchange {
  const exchange = exchangeOf()
  if (found !== null) admit(exchange, { method: 'jwt', ...found })
  return exchange
}

/** The roles that were found, or the code of the refusal. */
async function rolesOf(steps: PolicySteps, subject: string): Promise<string> {
  const exchange = caller({ subject })
  const verdict = await steps.onRequest?.(exchange)
  return verdict?.code ?? exchange.caller.user?.roles.join() ?? 'no record'
}

test('a record is fetched once, and then known without waiting for as long as it holds', async () => {
  const bench = new Bench()
  const steps = await bench.steps({ headers: { 'X-Token': 't' } })
  assert.equal(await rolesOf(steps, 'u-1'), 'editor')
  assert.deepEqual(asked, [{ url: '/users/u-1', token: 't' }])
  bench.now += 299_999
  const exchange = caller({ subject: 'u-1' })
  assert.equal(steps.onRequest?.(exchange), undefined)
  assert.deepEqual(exchange.caller.user, RECORD)
  answer = json({ roles: ['viewer'] })
  bench.now += 1
  assert.equal(await rolesOf(steps, 'u-1'), 'viewer')
  assert.equal(asked.length, 2)
  assert.deepEqual(bench.counts, { service: 2, memory: 1 })
})

test('requests that wait for one user share a look-up', async () => {
  const bench = new Bench()
  const steps = await bench.steps()
  answer = (_name, response) => held.push(response)
  const waiting = Array.from({ length: 50 }, (_, index) => rolesOf(steps, `u-${index % 2}`))
  while (held.length < 2) await new Promise((resolve) => setImmediate(resolve))
  for (const response of held) response.end(JSON.stringify(RECORD))
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['editor']))
  assert.equal(asked.length, 2)
})

test('the cache lives on over a reload, unless the options give its records another meaning', async () => {
  const bench = new Bench()
  await rolesOf(await bench.steps(), 'u')
  assert.equal(await rolesOf(await bench.steps({ onError: 'stale', required: true, timeout: '2s' }), 'u'), 'editor')
  assert.equal(asked.length, 1)
  answer = json({ roles: ['a'], r: ['b'] })
  assert.equal(await rolesOf(await bench.steps({ roles: '/r' }), 'u'), 'b')
})

test('a user that is not there is 403, and that is remembered for a short time', async () => {
  for (const status of [404, 410]) {
    const bench = new Bench()
    const steps = await bench.steps()
    asked.length = 0
    answer = json('', status)
    assert.equal(await rolesOf(steps, 'u'), 'user_not_found')
    bench.now += 9_999
    assert.equal(await rolesOf(steps, 'u'), 'user_not_found')
    assert.equal(asked.length, 1)
    answer = json(RECORD)
    bench.now += 1
    assert.equal(await rolesOf(steps, 'u'), 'editor')
    assert.deepEqual(bench.counts, { negative: 2, service: 1 })
  }
})

test('a name is asked for as it is, and one that cannot be is nobody’s', async () => {
  const bench = new Bench()
  const steps = await bench.steps()
  for (const [name, url] of [
    ['a/../b', '/users/a%2F..%2Fb'],
    ['%2e%2e', '/users/%252e%252e'],
    ['a?b#c', '/users/a%3Fb%23c'],
    ['...', '/users/...'],
    ['a\\b', '/users/a%5Cb'],
    ['é {sub}', '/users/%C3%A9%20%7Bsub%7D'],
    ['auth0|5f', '/users/auth0%7C5f'],
    ['__proto__', '/users/__proto__'],
  ] as const) {
    asked.length = 0
    assert.equal(await rolesOf(steps, name), 'editor', name)
    assert.deepEqual(
      asked.map((request) => request.url),
      [url],
    )
  }
  asked.length = 0
  for (const name of ['.', '..', 'a\r\nb', 'a\0', '\u0085', '\ud800', 'x'.repeat(257)]) {
    assert.equal(await rolesOf(steps, name), 'user_not_found', JSON.stringify(name))
  }
  assert.deepEqual(asked, [])
})

const BROKEN: Readonly<Record<string, typeof answer>> = {
  'another status': json(RECORD, 500),
  'a redirect': (_name, response) => response.writeHead(302, { location: '/elsewhere' }).end(),
  'no content': json('', 204),
  'no JSON': json('<html>'),
  'no object': json([]),
  'roles that are no list': json({ roles: 'admin' }),
  'roles that are no texts': json({ roles: [['admin']] }),
  'an empty role': json({ roles: [''] }),
  'too many roles': json({ roles: Array.from({ length: 1_001 }, () => 'a') }),
  'a role that is too long': json({ roles: ['a'.repeat(257)] }),
  'too many bytes': json({ ...RECORD, more: 'a'.repeat(65_536) }),
  'a broken answer': (_name, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('{', () => response.destroy())
  },
  'no answer': (_name, response) => response.destroy(),
  'no answer in time': (_name, response) => held.push(response),
}
for (const [name, broken] of Object.entries(BROKEN)) {
  test(`the user service gives ${name}: 503 with its own cause, one line in the log, and nothing is remembered`, async () => {
    const bench = new Bench()
    const steps = await bench.steps({ timeout: 50 })
    answer = broken
    assert.equal(await rolesOf(steps, 'u'), 'user_service_unavailable')
    assert.equal(await rolesOf(steps, 'u'), 'user_service_unavailable')
    assert.deepEqual(bench.warnings, ['the user service does not give a record'])
    assert.deepEqual(bench.counts, { error: 2 })
    bench.now += 10_000
    await rolesOf(steps, 'u')
    assert.equal(bench.warnings.length, 2)
    answer = json(RECORD)
    assert.equal(await rolesOf(await bench.steps(), 'u'), 'editor')
  })
}

test('a user service that is gone is 503, and is asked again when it is back', async () => {
  const bench = new Bench()
  const steps = await bench.steps()
  await stop()
  assert.equal(await rolesOf(steps, 'u'), 'user_service_unavailable')
  await listen(port)
  assert.equal(await rolesOf(steps, 'u'), 'editor')
})

test('a record without lists is one of a user without rights', async () => {
  answer = json({ roles: null })
  const exchange = caller({ subject: 'u' })
  const steps = await new Bench().steps({ permissions: '/data/0/permissions' })
  assert.equal(await steps.onRequest?.(exchange), undefined)
  assert.deepEqual(exchange.caller.user, { roles: [], permissions: [] })
})

test('the last record is used while the user service is down, if so configured, and for so long only', async () => {
  const bench = new Bench()
  const steps = await bench.steps({ onError: 'stale', staleMax: '1h' })
  await rolesOf(steps, 'u')
  asked.length = 0
  answer = json('', 500)
  bench.now += 300_000
  assert.equal(await rolesOf(steps, 'u'), 'editor')
  assert.equal(await rolesOf(steps, 'other'), 'user_service_unavailable')
  assert.equal(asked.length, 2)
  // For a second nobody waits in vain.
  bench.now += 999
  assert.equal(steps.onRequest?.(caller({ subject: 'u' })), undefined)
  assert.equal(asked.length, 2)
  bench.now += 1
  assert.equal(await rolesOf(steps, 'u'), 'editor')
  assert.equal(asked.length, 3)
  // Where the same record is asked for without that, it is not used.
  assert.equal(await rolesOf(await bench.steps(), 'u'), 'user_service_unavailable')
  bench.now += 3_600_000
  assert.equal(await rolesOf(steps, 'u'), 'user_service_unavailable')
  answer = json({ roles: ['back'] })
  assert.equal(await rolesOf(steps, 'u'), 'back')
  assert.deepEqual(bench.counts, { service: 2, stale: 3, error: 3 })
})

test('a user that was removed does not come back by a stale record', async () => {
  const bench = new Bench()
  const steps = await bench.steps({ onError: 'stale' })
  await rolesOf(steps, 'u')
  bench.now += 300_000
  answer = json('', 404)
  assert.equal(await rolesOf(steps, 'u'), 'user_not_found')
  answer = json('', 500)
  bench.now += 10_000
  assert.equal(await rolesOf(steps, 'u'), 'user_service_unavailable')
})

test('records are shared through the store under `user:{sub}`', async () => {
  const one = new Bench()
  await rolesOf(await one.steps({ store: 'redis' }), 'u/1')
  assert.deepEqual([...one.store.values], [['user:u/1', JSON.stringify(RECORD)]])
  assert.deepEqual(one.store.ttls, [300_000])

  const two = new Bench()
  two.store.values.set('user:u', '{"roles":["stored"],"permissions":[]}')
  const steps = await two.steps({ store: 'redis', roles: '/somewhere/else' })
  asked.length = 0
  assert.equal(await rolesOf(steps, 'u'), 'stored')
  // How old it was nobody knows: memory keeps it for a tenth of its time.
  two.now += 29_999
  two.store.values.set('user:u', '{"roles":["newer"],"permissions":[]}')
  assert.equal(await rolesOf(steps, 'u'), 'stored')
  two.now += 1
  assert.equal(await rolesOf(steps, 'u'), 'newer')
  assert.deepEqual(asked, [])
  assert.deepEqual(two.counts, { redis: 2, memory: 1 })
})

test('what cannot be read in the store is fetched again, and said', async () => {
  for (const text of ['', 'null', '[]', '{"roles":"admin"}', '{"roles":[1]}', '{']) {
    const bench = new Bench()
    bench.store.values.set('user:u', text)
    assert.equal(await rolesOf(await bench.steps({ store: 'redis' }), 'u'), 'editor', text)
    assert.equal(bench.warnings.length, 1)
    assert.equal(bench.store.values.get('user:u'), JSON.stringify(RECORD))
  }
})

test('a user that is not there is not written to the store', async () => {
  const bench = new Bench()
  answer = json('', 404)
  assert.equal(await rolesOf(await bench.steps({ store: 'redis' }), 'u'), 'user_not_found')
  assert.equal(bench.store.values.size, 0)
})

test('a store that does not answer is 503 with its own cause, or is passed by', async () => {
  const bench = new Bench()
  bench.store.isDown = true
  assert.equal(await rolesOf(await bench.steps({ store: 'redis' }), 'u'), 'store_unavailable')
  assert.deepEqual(asked, [])
  assert.deepEqual(bench.warnings, ['the store of user records does not answer'])
  assert.deepEqual(bench.reasons, ['redis at 10.0.0.1 does not answer'], 'said once, though its cause says it too')
  assert.equal(await rolesOf(await bench.steps({ store: 'redis', onStoreError: 'bypass' }), 'u'), 'editor')
  // What is in memory needs no store.
  assert.equal(await rolesOf(await bench.steps({ store: 'redis' }), 'u'), 'editor')
  bench.now += 300_000
  assert.equal(await rolesOf(await bench.steps({ store: 'redis', onError: 'stale' }), 'u'), 'editor')
  assert.deepEqual(bench.counts, { error: 1, service: 1, memory: 1, stale: 1 })
})

test('a caller without a user passes unless one is required', async () => {
  const bench = new Bench()
  const [lenient, strict] = [await bench.steps(), await bench.steps({ required: true })]
  assert.equal(lenient.onRequest?.(caller({ method: 'api-key' })), undefined)
  assert.equal(lenient.onRequest?.(caller(null)), undefined)
  const refused = async (exchange: Exchange) => (await strict.onRequest?.(exchange))?.code
  assert.equal(await refused(caller({ method: 'api-key' })), 'user_not_found')
  assert.equal(await refused(caller(null)), 'credentials_missing')
  const nameless = await lenient.onRequest?.(caller({ method: 'jwt', claims: { roles: ['admin'] } }))
  assert.equal(nameless?.code, 'user_not_found')
  assert.deepEqual(asked, [])
})

test('a worker keeps as many users as it may, and those who come often', async () => {
  const bench = new Bench()
  const steps = await bench.steps({ cacheMax: 10 })
  for (let index = 0; index < 100; index++) {
    await rolesOf(steps, `u-${index}`)
    await rolesOf(steps, 'often')
  }
  assert.equal(asked.length, 101)
  asked.length = 0
  for (let index = 0; index < 100; index++) await rolesOf(steps, `u-${index}`)
  assert.ok(asked.length >= 90)
})

test('users that are asked for at once are bounded', async () => {
  const bench = new Bench()
  const steps = await bench.steps({ timeout: '60s' })
  const waiting = Array.from({ length: 1_000 }, (_, index) => rolesOf(steps, `u-${index}`))
  assert.equal(await rolesOf(steps, 'one more'), 'user_service_unavailable')
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['editor']))
  assert.equal(await rolesOf(steps, 'one more'), 'editor')
})

test('a URL in which a name could change whom is asked is refused', async () => {
  for (const url of [
    'http://a/users',
    'http://{sub}/',
    'http://a{sub}/x',
    'http://a:{sub}/x',
    'http://u:p@a/{sub}',
    'http://{sub}@a/{sub}',
    '{sub}',
    '/users/{sub}',
    'ftp://a/{sub}',
    'http://a/{sub}#x',
    'http://a#/{sub}',
    'http://a/{id}/{sub}',
    'http://a\\{sub}',
    'http://a/é/{sub}',
    'http:///{sub}',
    'http://a:99999/{sub}',
  ]) {
    assert.notDeepEqual(await problemsOf(users, { url }), [], url)
  }
  for (const url of ['http://a/{sub}', 'https://[::1]:8443/x?user={sub}', 'http://a?{sub}', 'http://a/{sub}/{sub}.json']) {
    assert.deepEqual(await problemsOf(users, { url }), [], url)
  }
  assert.notDeepEqual(await problemsOf(users, { url: 'http://a/{sub}', roles: 'roles' }), [])
  assert.notDeepEqual(await problemsOf(users, { url: 'http://a/{sub}', roles: '/~2' }), [])
})

test('a store that is not configured is an error, a route where nobody is known a warning', async () => {
  const schema = await users.loadSchema()
  const around: PolicySurroundings = {
    optionsOf: () => undefined,
    authenticates: true,
    stores: new Set(['memory']),
    consumers: new Set(),
    clientCertificates: false,
  }
  const severities = (store: string, authenticates = true) =>
    users.review?.(schema.parse({ url: 'http://a/{sub}', store }), { ...around, authenticates })?.map(({ severity }) => severity)
  assert.deepEqual(severities('none'), [])
  assert.deepEqual(severities('redis'), ['error'])
  assert.deepEqual(severities('none', false), ['warning'])
})
