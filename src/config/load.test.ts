import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from './load.ts'
import { loadTexts, problemsIn, TEST_POLICIES } from './testing.ts'

const SERVICE = 'services: { a: { targets: ["127.0.0.1:1"] } }\n'
const ROUTE = 'routes: { r: { path: /a, service: a } }\n'

async function irOf(texts: Readonly<Record<string, string>>) {
  const loaded = await loadTexts(texts)
  assert.ok('ir' in loaded, JSON.stringify('problems' in loaded ? loaded.problems : null))
  return loaded.ir
}

test('an empty file is a configuration with every default, and a warning that it has no routes', async () => {
  const loaded = await loadTexts({ 'gateway.yaml': '# nothing\n' })
  assert.ok('ir' in loaded)
  assert.deepEqual(loaded.ir.listeners, [
    { name: 'listener-1', host: '0.0.0.0', port: 8080, trustedProxies: [], tls: null, http2: true, redirectPort: null },
  ])
  assert.deepEqual(loaded.ir.admin, { host: '127.0.0.1', port: 9901, token: null, tokens: [], allow: null })
  assert.deepEqual(
    loaded.ir.policies.map(({ kind, mode }) => [kind, mode]),
    [
      ['request-id', 'enforce'],
      ['forwarded-headers', 'enforce'],
    ],
  )
  assert.deepEqual(
    loaded.warnings.map(({ message }) => message),
    ['there are no routes: every request is answered 404'],
  )
})

test('the result cannot be changed, at any depth', async () => {
  const ir = await irOf({ 'gateway.yaml': SERVICE + ROUTE })
  assert.throws(() => Object.assign(ir.routes[0]?.match ?? {}, { paths: [] }), TypeError)
  assert.throws(() => Object.assign(ir.policies[0]?.options ?? {}, { header: 'X' }), TypeError)
})

test('the same meaning has the same revision, whatever the order, the places and the format', async () => {
  const yaml =
    'services:\n  a: { targets: ["127.0.0.1:1"] }\n  b: { targets: ["127.0.0.1:2"] }\nroutes:\n  x: { path: /x, service: a }\n  y: { path: /y, service: b }\n'
  const json = JSON.stringify({
    routes: { y: { service: 'b', path: ['/y'], timeout: 60_000 }, x: { service: 'a', path: '/x' } },
    services: { b: { targets: ['127.0.0.1:2'] }, a: { targets: [{ address: '127.0.0.1:1' }] } },
  })
  const { revision } = await irOf({ 'a.yaml': yaml })
  assert.match(revision, /^[0-9a-f]{12}$/)
  assert.equal((await irOf({ 'a.json': json })).revision, revision)
  assert.notEqual((await irOf({ 'a.yaml': yaml.replace('/y,', '/z,') })).revision, revision)
})

test('a policy takes false and a mode, and a route keeps what is off so that it can undo what holds everywhere', async () => {
  const ir = await irOf({
    'gateway.yaml': `${SERVICE}policies: { request-id: { mode: off } }\nroutes: { r: { path: /a, service: a, policies: { redirect: { to: /b, mode: shadow }, forwarded-headers: false } } }`,
  })
  assert.deepEqual(
    ir.policies.map(({ kind, mode }) => [kind, mode]),
    [
      ['forwarded-headers', 'enforce'],
      ['request-id', 'off'],
    ],
  )
  assert.deepEqual(
    ir.routes[0]?.policies.map(({ kind, mode, options }) => ({ kind, mode, options })),
    [
      { kind: 'forwarded-headers', mode: 'off', options: null },
      { kind: 'redirect', mode: 'shadow', options: { to: '/b', status: 302 } },
    ],
  )
})

test('a policy whose schema transforms its options is checked to the end and placed', async () => {
  const ir = await irOf({ 'gateway.yaml': `policies: { request-size: { max: 1KiB } }` })
  assert.deepEqual(ir.policies.find(({ kind }) => kind === 'request-size')?.options, { bytesMax: 1024 })
  const problems = await problemsIn('routes: {}\npolicies:\n  request-size:\n    max: 7\n')
  assert.ok(problems.includes('4:10 error expected anything but seven'), problems.join('\n'))
})

test('`auto` is one worker for each available CPU', async () => {
  assert.equal((await irOf({ 'gateway.yaml': 'workers: auto' })).workers, 4)
})

test('several files are one configuration', async () => {
  const ir = await irOf({
    'a.yaml': `listeners: [{ port: 1 }]\n${SERVICE}${ROUTE}`,
    'b.json': '{ "listeners": [{ "port": 2 }], "routes": { "s": { "path": "/s", "service": "a" } } }',
  })
  assert.deepEqual(
    ir.listeners.map(({ port }) => port),
    [1, 2],
  )
  assert.deepEqual(
    ir.routes.map(({ name, at }) => [name, at.file]),
    [
      ['r', 'a.yaml'],
      ['s', 'b.json'],
    ],
  )
})

test('what two files define both is an error that names both places', async () => {
  const loaded = await loadTexts({ 'a.yaml': SERVICE + ROUTE, 'b.yaml': `workers: 1\n${ROUTE}`, 'c.yaml': 'workers: 2\n' })
  assert.ok('problems' in loaded)
  assert.deepEqual(
    loaded.problems.map(({ location: { file, line, column }, message }) => `${file}:${line}:${column} ${message}`),
    ['b.yaml:2:11 route `r` is already defined at a.yaml:2:11', 'c.yaml:1:1 `workers` is already defined at b.yaml:1:1'],
  )
})

test('a route without a service needs a policy that answers and is not off', async () => {
  const message = 'error a route without `service` needs a policy that answers: `redirect` or `static-response`'
  assert.deepEqual(await problemsIn('routes: { r: { path: /a } }'), [`1:11 ${message}`])
  assert.deepEqual(await problemsIn('routes: { r: { path: /a, policies: { redirect: { to: /b, mode: shadow } } } }'), [`1:11 ${message}`])
  assert.deepEqual(await problemsIn('routes: { r: { path: /a, policies: { redirect: { to: /b } } } }'), [])
})

test('what only the whole can tell is told with its place', async () => {
  assert.deepEqual(
    await problemsIn(
      `listeners: [{ port: 80, host: 127.0.0.1 }, { port: 80 }, { port: 0 }, { port: 0 }]\nroutes: { r: { path: /a, policies: { redirect: { to: / } } } }`,
    ),
    ['1:52 error listener 1 already listens on port 80'],
  )
  assert.deepEqual(await problemsIn(`${SERVICE}routes: { r: { path: [/a, /b, /a], service: a, timeout: 1s, attemptTimeout: 2s } }`), [
    '2:31 error `/a` stands twice',
    '2:77 error expected at most the `timeout` of the route, which bounds all tries together',
  ])
  assert.deepEqual(
    await problemsIn('services: { a: { targets: ["h:1", { address: "http://H:1" }] } }\nroutes: { r: { path: /, service: a } }'),
    ['1:46 error the target `http://H:1` is already listed on line 1; give it a `weight` instead'],
  )
})

test('a service that is not there is told together with everything else that is wrong', async () => {
  assert.deepEqual(await problemsIn('services: { users: { targets: ["127.0.0.1:1"] } }\nroutes: { r: { path: a, service: usrs } }'), [
    '1:13 warning no route uses the service `users`',
    '2:22 error a path begins with `/`, or with `~` for a regular expression',
    '2:34 error there is no service `usrs`; did you mean `users`?',
  ])
})

test('files that are not there or too large are problems', async () => {
  const missing = await loadTexts({}, { only: ['nope.yaml'] })
  assert.ok('problems' in missing)
  assert.deepEqual(
    missing.problems.map(({ message }) => message),
    ['the file cannot be read: there is no such file'],
  )
  const folder = await mkdtemp(join(tmpdir(), 'turnpike-load-'))
  const file = join(folder, 'large.yaml')
  await writeFile(file, '#'.repeat(32 * 2 ** 20 + 1))
  const large = await loadConfig([file], { policies: TEST_POLICIES, env: {} })
  await rm(folder, { recursive: true })
  assert.ok('problems' in large)
  assert.deepEqual(
    large.problems.map(({ message }) => message),
    ['the file cannot be read: it is too large'],
  )
})
