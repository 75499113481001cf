/** A Kong file on the command line: start, check, explain. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startUpstream } from '../e2e/echo-upstream.ts'
import { GatewayProcess } from '../e2e/gateway-process.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const folder = mkdtempSync(join(tmpdir(), 'turnpike-kong-'))
after(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

function turnpike(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 30_000,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, USERS_KEY: 'the-key-of-an-application' },
  })
  return { status, stdout, stderr }
}

const FILE = `
_format_version: "3.0"
services:
  - name: users
    url: http://127.0.0.1:9001/api
    routes:
      - name: users
        paths: [/users]
    plugins:
      - name: key-auth
consumers:
  - username: app
    keyauth_credentials: [{ key: "{vault://env/users-key}" }]
`
const UNSUPPORTED = `${FILE}plugins:\n  - name: openid-connect\n    config: { issuer: https://a.example }\n  - name: oauth2\n`

test('check takes a Kong file, and says what it comes to', () => {
  const { status, stdout } = turnpike('check', write('kong.yml', FILE))
  assert.equal(status, 0)
  assert.match(stdout, /kong\.yml: 1 listener, 1 service, 1 route, revision [0-9a-f]{12}/)
})

test('check tells mistakes in a Kong file with line, column and the line itself', () => {
  const { status, stderr } = turnpike('check', write('wrong.yml', FILE.replace('paths', 'pathes')))
  assert.equal(status, 1)
  assert.match(stderr, /wrong\.yml:8:9: error: unknown key `pathes`; did you mean `paths`\?/)
  assert.match(stderr, /8 \| {9}pathes: \[\/users\]\n/)
})

test('what cannot be carried is an error, and with --skip-unsupported a warning for each', () => {
  const file = write('unsupported.yml', UNSUPPORTED)
  const refused = turnpike('check', file)
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /:15:11: error: plugin openid-connect cannot be carried over: of Kong Enterprise; use jwt natively/)
  assert.match(refused.stderr, /:17:11: error: plugin oauth2 cannot be carried over/)
  const skipped = turnpike('check', '--skip-unsupported', file)
  assert.equal(skipped.status, 0)
  assert.match(skipped.stderr, /:15:11: warning: plugin openid-connect is left out: of Kong Enterprise/)
  assert.match(skipped.stderr, /:17:11: warning: plugin oauth2 is left out/)
})

test('explain says what a request to a Kong file comes to', () => {
  const file = write('kong.yml', FILE)
  const { status, stdout } = turnpike(
    'explain',
    file,
    'GET',
    'http://a.example/users/7',
    '-H',
    'apikey: the-key-of-an-application',
    '--json',
  )
  assert.equal(status, 0)
  assert.match(stdout, /"pattern": "~\/users"/)
  assert.match(stdout, /\/api\/7/)
  assert.doesNotMatch(stdout, /the-key-of/)
})

test('start runs a Kong file, and takes over what changes in it', async (t) => {
  const { port } = await startUpstream(t)
  const text = FILE.replace('9001', String(port))
  const kong = write('running.yml', text)
  const rest = write('rest.yml', 'admin: { port: 0, token: token-of-the-test }\naccessLog: false\n')
  const env = { KONG_PROXY_LISTEN: '127.0.0.1:0', USERS_KEY: 'the-key-of-an-application' }
  const gateway = await new GatewayProcess(t, { config: '', args: [kong, rest], env }).ready()
  const ask = (path: string) => fetch(gateway.url + path, { headers: { apikey: 'the-key-of-an-application' } })
  assert.equal((await ask('/users')).status, 200)
  assert.equal((await fetch(`${gateway.url}/users`)).status, 401)
  assert.equal((await ask('/people')).status, 404)
  writeFileSync(kong, text.replace('/users', '/people'))
  await gateway.logged('a new configuration is in force')
  assert.equal((await ask('/people')).status, 200)
  assert.equal((await ask('/users')).status, 404)
  const shown = await fetch(`${gateway.adminUrl}/config`, { headers: { authorization: 'Bearer token-of-the-test' } })
  const body = await shown.text()
  assert.equal(shown.status, 200)
  assert.match(body, /\$\{env:USERS_KEY\}/)
  assert.doesNotMatch(body, /the-key-of/)
})
