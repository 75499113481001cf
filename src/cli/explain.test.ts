import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { Explanation } from '../runtime/explain.ts'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'turnpike')
const folder = mkdtempSync(join(tmpdir(), 'turnpike-explain-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(
  join(folder, 'gateway.yaml'),
  `services: { a: { targets: ["127.0.0.1:9"] } }
routes:
  a: { path: /a/:id, service: a, policies: { headers: { request: { set: { Authorization: "\${env:TOKEN}" } } } } }
`,
)
writeFileSync(
  join(folder, 'guarded.yaml'),
  `# A policy that nobody wrote has no place, wherever the file begins.
services: { a: { targets: ["127.0.0.1:9"] } }
routes:
  a:
    path: /a
    service: a
    policies:
      cors: { origins: [https://app.example] }
      rate-limit: { by: ip, rate: 1 }
      request-validation: { query: { required: [q] }, body: { type: object } }
`,
)
writeFileSync(join(folder, 'wrong.yaml'), 'routes: 7\n')

function turnpike(...args: string[]) {
  const env = { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, TOKEN: 'value of the token' }
  const { status, stdout, stderr } = spawnSync(BIN, ['explain', ...args], { cwd: folder, encoding: 'utf8', timeout: 30_000, env })
  return { status, stdout, stderr }
}

test('explain prints plain text where there is no terminal, and no credentials', () => {
  const { status, stdout, stderr } = turnpike('gateway.yaml', 'GET', '/a/7')
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /^GET localhost:8080\/a\/7\n\nRoute {6}a {2}\/a\/:id {2}gateway\.yaml:3\n {11}id = 7\n/)
  assert.match(stdout, /\n {11}Authorization: \*\*\*\n/)
  assert.doesNotMatch(stdout, /value of the token/)
  assert.equal(stripVTControlCharacters(stdout), stdout)
})

test('explain says once of a policy that it was not reached, and nothing more of one that answered', () => {
  const preflight = ['-H', 'Origin: https://app.example', '-H', 'Access-Control-Request-Method: GET']
  const { stdout } = turnpike('guarded.yaml', 'OPTIONS', '/a', ...preflight)
  assert.equal(stdout.match(/rate-limit.* not reached/g)?.length, 1)
  assert.equal(stdout.match(/request-validation.* not reached/g)?.length, 1)
  assert.doesNotMatch(stdout, /\n *\n$/, 'an answer without a body has no line for it')
  assert.match(stdout, /^ +forwarded-headers +goes on +by default$/m)
  assert.equal(turnpike('guarded.yaml', 'GET', '/a').stdout.match(/request-validation {2}/g)?.length, 1)
})

test('explain --json gives the same to programs', () => {
  const { status, stdout } = turnpike('gateway.yaml', 'GET', 'http://x.example/a/7?b', '--json')
  assert.equal(status, 0)
  const explanation = JSON.parse(stdout) as Explanation
  assert.deepEqual(explanation.request, {
    method: 'GET',
    authority: 'x.example',
    target: '/a/7?b',
    path: '/a/7',
    listener: 'listener-1',
    scheme: 'http',
  })
  assert.deepEqual(explanation.route?.captures, { id: '7' })
  assert.deepEqual(explanation.service?.targets, [{ address: '127.0.0.1:9', weight: 1 }])
  assert.equal(explanation.service.head[0], 'GET /a/7?b HTTP/1.1')
})

test('explain has an https URL come by the listener with TLS, and an http URL by the other', () => {
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=shop.example']
  const made = spawnSync(
    'openssl',
    [...args, '-addext', 'subjectAltName=DNS:shop.example', '-days', '30', '-keyout', 'a.key', '-out', 'a.pem'],
    {
      cwd: folder,
    },
  )
  assert.equal(made.status, 0)
  writeFileSync(
    join(folder, 'tls.yaml'),
    `listeners:
  - { port: 8080, redirectToHttps: 8443 }
  - { port: 8443, tls: { certificates: [{ cert: a.pem, key: a.key }] } }
services: { a: { targets: ["127.0.0.1:9"] } }
routes: { a: { path: /*, service: a } }
`,
  )
  const secure = turnpike('tls.yaml', 'GET', 'https://shop.example/a').stdout
  assert.match(secure, /X-Forwarded-Proto: https\n +X-Forwarded-Port: 8443\n/i)
  const plain = turnpike('tls.yaml', 'GET', 'http://shop.example/a?b').stdout
  assert.match(plain, /Answer +308 /)
  assert.match(plain, /Location: https:\/\/shop\.example:8443\/a\?b\n/)
})

test('explain says of a wrong configuration what check says, and ends with 1', () => {
  const { status, stdout, stderr } = turnpike('wrong.yaml', 'GET', '/')
  assert.deepEqual([status, stdout], [1, ''])
  assert.match(stderr, /^wrong\.yaml:1:9: error: /)
})

test('explain ends with 2 when what is described is no request', () => {
  const { status, stdout, stderr } = turnpike('gateway.yaml', 'GET', '/', '-H', 'no colon')
  assert.deepEqual([status, stdout, stderr], [2, '', `turnpike: "no colon" is no header: expected 'Name: value'\n`])
})
