import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { parsePasswordHash, scryptDigest } from '../core/password-hash.ts'
import { renderProblems } from './diagnostics.ts'
import { parseInstant } from './instant.ts'
import { loadTexts, problemsIn, TEST_POLICIES } from './testing.ts'

const BASE = 'services: { s: { targets: ["127.0.0.1:1"] } }\nroutes: { r: { path: /, service: s } }\n'

async function load(consumers: string, env: Readonly<Record<string, string>> = {}) {
  const loaded = await loadTexts({ 'g.yaml': `${BASE}consumers: ${consumers}` }, { env })
  if (!('ir' in loaded)) assert.fail(loaded.problems.map(({ message }) => message).join('\n'))
  return loaded
}

async function basicHash(consumers: string): Promise<string> {
  const [credential] = (await load(consumers)).ir.consumers[0]?.credentials ?? []
  assert.ok(credential?.kind === 'basic')
  return credential.passwordHash
}

test('of a key only its digest is kept, whichever way it is written', async () => {
  const key = 'a-key-of-sixteen-or-more'
  const digest = hash('sha256', key)
  for (const written of [`["${key}"]`, `["$\{env:KEY}"]`, `[{ key: "${key}" }]`, `[{ hash: "sha256:${digest.toUpperCase()}" }]`]) {
    const { ir } = await load(`{ a: { keys: ${written} } }`, { KEY: key })
    const expected = [{ kind: 'key', id: 'a-key-1', notBeforeMs: null, expiresAtMs: null, digest }]
    assert.deepEqual(ir.consumers[0]?.credentials, expected)
    assert.ok(!JSON.stringify(ir).includes(key))
  }
})

test('a password is hashed at load: the same one always, and not as another name or consumer would have it', async () => {
  const one = await basicHash('{ a: { basic: [{ username: n, password: pässword }] } }')
  const parsed = parsePasswordHash(one)
  assert.ok(parsed !== null)
  assert.deepEqual(await scryptDigest('pa\u0308ssword', parsed.salt, parsed), parsed.digest, 'composed or not')
  assert.equal(await basicHash('{ a: { basic: [{ username: n, password: pässword }] } }'), one)
  const saltOf = (text: string) => text.split(':')[4]
  assert.notEqual(saltOf(await basicHash('{ a: { basic: [{ username: m, password: pässword }] } }')), saltOf(one))
  assert.notEqual(saltOf(await basicHash('{ b: { basic: [{ username: n, password: pässword }] } }')), saltOf(one))
})

test('a policy that acts before the consumer is known cannot be its own', async () => {
  const policies = TEST_POLICIES.map((policy) => (policy.kind === 'forwarded-headers' ? { ...policy, identifies: true } : policy))
  const yaml = `${BASE}consumers:
  a:
    policies: { request-id: {}, forwarded-headers: {}, request-size: { max: 8 } }
    routes: { r: { policies: { request-id: false, signing: { key: k } } } }
`
  assert.deepEqual(await problemsIn(yaml, { policies }), [
    "5:17 error `request-id` acts before the consumer is known: it cannot be a consumer's own",
    "5:33 error `forwarded-headers` acts before the consumer is known: it cannot be a consumer's own",
    "6:32 error `request-id` acts before the consumer is known: it cannot be a consumer's own",
  ])
})

test("a consumer's policies are checked, read and reviewed as others are", async () => {
  const yaml = `${BASE}consumers: { a: { policies: { request-size: { max: 7 } } } }`
  assert.deepEqual(await problemsIn(yaml), ['3:52 error expected anything but seven'])
  const reading = TEST_POLICIES.map((policy) =>
    policy.kind === 'signing'
      ? {
          ...policy,
          resolve: async () => ({ key: 'from a file' }),
          review: (options: unknown) => [{ severity: 'warning' as const, path: [], message: JSON.stringify(options) }],
        }
      : policy,
  )
  assert.deepEqual(await problemsIn(`${BASE}consumers: { a: { policies: { signing: { key: k } } } }`, { policies: reading }), [
    '3:31 warning {"key":"from a file"}',
  ])
})

test('a username may have passwords that overlap, up to four, all of one consumer', async () => {
  const passwords = (count: number) => Array.from({ length: count }, () => '{ username: n, password: x }').join(', ')
  assert.deepEqual(await problemsIn(`${BASE}consumers: { a: { basic: [${passwords(4)}] } }`), [])
  assert.deepEqual(await problemsIn(`${BASE}consumers: { a: { basic: [${passwords(5)}] } }`), [
    '3:159 error this username stands here more than 4 times, first at gateway.yaml:3:39',
  ])
})

test('what is secret in a consumer is never shown', async () => {
  const { display } = await load(`{ a: { keys: [first-key-of-the-consumer, { key: second-key-of-the-consumer, id: i }],
    basic: [{ username: n, password: third }], hmac: [{ keyId: k, secret: fourth }], jwt: [{ key: j, algorithm: HS256, secret: fifth }] } }`)
  const shown = JSON.stringify(display())
  for (const secret of ['first-key', 'second-key', 'third', 'fourth', 'fifth']) assert.ok(!shown.includes(secret), secret)
  assert.match(shown, /"id":"i"/)
})

test('a line with a secret is not shown with what is wrong there, since that may end up in a log', async () => {
  const yaml = `${BASE}consumers:
  a:
    keys:
      - short-key
      - { hash: 12 }
      - "$\{env:KEY}"
    hmac: [{ secret: fourth }]
    basic: [{ username: "a:b" }]
`
  const loaded = await loadTexts({ 'g.yaml': yaml }, { env: { KEY: 'short' } })
  assert.ok('problems' in loaded)
  const shown = renderProblems(loaded.problems, loaded)
  assert.doesNotMatch(shown, /fourth|short-key/)
  assert.match(shown, /basic: \[\{ username/)
  const warned = await loadTexts({ 'g.yaml': `${BASE}consumers: { a: { keys:\n  [ short-key ] } }` })
  assert.ok('ir' in warned)
  assert.match(renderProblems(warned.warnings, warned), /4:5: warning: this API key has fewer than 16 characters[^\n]*$/)
})

test('several files may each have consumers', async () => {
  const loaded = await loadTexts({ 'a.yaml': `${BASE}consumers: { a: {} }`, 'b.yaml': 'consumers: { b: {} }' })
  assert.deepEqual('ir' in loaded && loaded.ir.consumers.map(({ name }) => name), ['a', 'b'])
})

test('a point in time is a day, or date, time and zone', () => {
  const iso = (text: string) => {
    const ms = parseInstant(text)
    return ms === null ? null : new Date(ms).toISOString()
  }
  assert.equal(iso('2027-01-31'), '2027-01-31T00:00:00.000Z')
  assert.equal(iso('2028-02-29T23:59:59.9999z'), '2028-02-29T23:59:59.999Z')
  assert.equal(iso('2027-01-01 01:30+01:30'), '2027-01-01T00:00:00.000Z')
  assert.equal(iso('2026-12-31T19:00:00.25-05:00'), '2027-01-01T00:00:00.250Z')
  for (const wrong of [
    '2027-02-29',
    '2027-13-01',
    '2027-00-10',
    '2027-1-1',
    '2027-01-01T24:00Z',
    '2027-01-01T00:60Z',
    '2027-01-01T00:00:60Z',
    '2027-01-01T00:00',
    '2027-01-01T00:00+24:00',
    'tomorrow',
    '',
    '12027-01-01',
  ])
    assert.equal(parseInstant(wrong), null, wrong)
})

test('the cost of a hash in a file has bounds on both sides', () => {
  const of = (cost: string) => parsePasswordHash(`scrypt:${cost}:c2FsdHNhbHRzYWx0c2FsdA:aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g`)
  for (const cost of ['1024:8:1', '16384:8:1', '16384:8:5', '32768:8:4', '131072:1:1']) assert.notEqual(of(cost), null, cost)
  for (const cost of [
    '512:8:1',
    '16383:8:1',
    '0:8:1',
    '131072:8:2',
    '65536:16:1',
    '16384:0:1',
    '16384:8:0',
    '1024:999:2',
    '1e4:8:1',
    '-16384:8:1',
  ])
    assert.equal(of(cost), null, cost)
})

test('certificates are kept in the form in which they are compared', async () => {
  const fingerprint = 'AB'.repeat(32).replaceAll(/(..)(?=.)/g, '$1:')
  const { ir } = await load(`
  a:
    certificates:
      - { fingerprint: "${fingerprint}", expires: 2027-01-01 }
      - { subject: "cn = app , O=Example\\\\, Inc." , id: by-name }
      - { san: "dns:App.Example" }`)
  const marks = ir.consumers[0]?.credentials.map((one) => (one.kind === 'certificate' ? [one.id, one.by, one.value] : []))
  assert.deepEqual(marks, [
    ['a-certificate-1', 'fingerprint', 'ab'.repeat(32)],
    ['by-name', 'subject', 'CN=app,O=Example\\, Inc.'],
    ['a-certificate-3', 'san', 'DNS:app.example'],
  ])
})

test('a certificate is known by one thing, and to one consumer once', async () => {
  const of = (...certificates: string[]) =>
    problemsIn(`${BASE}consumers: { a: { certificates: [${certificates.join(', ')}] }, b: { certificates: [{ san: "DNS:b" }] } }`)
  assert.deepEqual(await of('{ subject: "CN=a" }'), [])
  assert.match((await of('{ subject: "CN=a", san: "DNS:a" }')).join(), /expected one of `fingerprint`, `subject` and `san`/)
  assert.match((await of('{}')).join(), /expected one of/)
  assert.match((await of('{ subject: a }')).join(), /expected a name as RFC 4514 writes it/)
  assert.match((await of('{ san: "IP:192.0.2.1" }')).join(), /expected `DNS:app.example`/)
  assert.match((await of('{ fingerprint: "00" }')).join(), /64 hexadecimal digits/)
  assert.match((await of('{ subject: "CN=a" }', '{ subject: "cn=a" }')).join(), /this `subject` is already that of `a`/)
  assert.match((await of('{ san: "dns:B" }')).join(), /this `san` is already that of `a`/)
})

test('a consumer may have an id, labels and groups of any name', async () => {
  const { ir } = await load('{ a: { id: "42", labels: { town: Köln }, groups: ["readers of Köln"] }, b: {} }')
  const [a, b] = ir.consumers
  assert.deepEqual([a?.id, a?.labels, a?.groups], ['42', { town: 'Köln' }, ['readers of Köln']])
  assert.deepEqual([b?.id, b?.labels, b?.groups], [null, null, []])
  assert.match((await problemsIn(`${BASE}consumers: { a: { id: "a\\nb" } }`)).join(), /expected a text without control characters/)
})

test('a salted SHA-1 is taken, and warned of', async () => {
  const passwordHash = `sha1:a-salt:${'0a'.repeat(20)}`
  const { ir, warnings } = await load(`{ a: { basic: [{ username: n, passwordHash: "${passwordHash}" }] } }`)
  assert.deepEqual(ir.consumers[0]?.credentials, [
    { kind: 'basic', id: 'a-basic-1', notBeforeMs: null, expiresAtMs: null, username: 'n', passwordHash },
  ])
  assert.match(warnings.map(({ message }) => message).join(), /a SHA-1 hides a password badly/)
  for (const wrong of ['sha1:a-salt:0a', `sha1::${'0a'.repeat(20)}`, `sha1:a-salt:${'0A'.repeat(20)}`]) {
    assert.notDeepEqual(await problemsIn(`${BASE}consumers: { a: { basic: [{ username: n, passwordHash: "${wrong}" }] } }`), [])
  }
})
