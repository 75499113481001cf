/** `turnpike import` as a user runs it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { FidelityReport } from '../../src/config/formats/kong/fidelity.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'turnpike-import-'))
after(() => rmSync(folder, { recursive: true }))

const ENV = { NO_COLOR: '1', USERS_KEY: 'the-key-of-an-application', BACKEND: 'backend.internal' }

function turnpike(args: readonly string[], cwd = folder) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'src', 'main.ts'), ...args], {
    cwd,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, FORCE_COLOR: undefined, ...ENV },
  })
  return { status, stdout, stderr }
}

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return name
}

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8')
}

/** The revision that `check` tells. */
function revisionOf(name: string): string {
  const { stdout, stderr } = turnpike(['check', name])
  return /revision ([0-9a-f]{12})/.exec(stdout)?.[1] ?? assert.fail(stderr)
}

const FILE = `
_format_version: "3.0"
services:
  - name: users
    url: http://backend.internal:9001/api
    read_timeout: 5000
    routes:
      - name: users
        paths: [/users]
        path_handling: v1
    plugins:
      - name: key-auth
      - name: rate-limiting
        config: { month: 100 }
consumers:
  - username: app
    keyauth_credentials: [{ key: "{vault://env/users-key}" }]
`

const UNSUPPORTED = `${FILE}plugins:\n  - name: openid-connect\n    config: { issuer: https://a.example }\n  - name: cors\n`

test('the native form means what the Kong file means, says where things come from, and what differs', () => {
  const kong = write('kong.yml', FILE)
  const { status, stdout, stderr } = turnpike(['import', kong])
  assert.equal(status, 0, stderr)
  write('native.yaml', stdout)
  assert.equal(revisionOf('native.yaml'), revisionOf(kong))
  assert.match(stdout, /^ {2}# kong\.yml:4 service users\n {2}# approximated read_timeout: it bounds/m)
  assert.match(stdout, /^ {2}# kong\.yml:8 route users\n {2}# approximated path_handling: `v1` does nothing/m)
  assert.match(stdout, /^ {6}# kong\.yml:13 plugin rate-limiting of service users\n {6}# approximated config\.month: a window is a month/m)
  assert.match(stdout, /^ {2}# kong\.yml:16 consumer app$/m)
  assert.match(stdout, /It holds SECRETS/)
  assert.match(stderr, /entities +3 +3 +0/)
})

test('what comes from the environment stays there, and its value is in nothing that is printed', () => {
  const { stdout, stderr } = turnpike(['import', write('kong.yml', FILE), '--report', 'json'])
  assert.match(stdout, /key: "\$\{env:USERS_KEY\}"/)
  assert.doesNotMatch(stdout + stderr, /the-key-of/)
})

test('a value of the environment that becomes part of another is told', () => {
  const { stdout } = turnpike([
    'import',
    write('kong.yml', FILE.replace('url: http://backend.internal:9001/api', 'host: "{vault://env/backend}"')),
  ])
  assert.match(stdout, /^# \$\{env:BACKEND\} of kong\.yml:5 is part of a longer value here, and written as it was at the import\.$/m)
})

test('a file that is there is not written over, unless it is said', () => {
  const kong = write('kong.yml', FILE)
  write('there.yaml', 'mine')
  const refused = turnpike(['import', kong, '-o', 'there.yaml'])
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /there\.yaml is there already: `--force` writes over it/)
  assert.equal(read('there.yaml'), 'mine')
  const forced = turnpike(['import', kong, '-o', 'there.yaml', '--force'])
  assert.equal(forced.status, 0)
  assert.match(forced.stderr, /there\.yaml written: 1 service, 1 route, 1 consumer, revision [0-9a-f]{12}/)
  assert.equal(revisionOf('there.yaml'), revisionOf(kong))
})

test('nobody else may read the file that is written', () => {
  turnpike(['import', write('kong.yml', FILE), '-o', 'fresh.yaml'])
  assert.equal(statSync(join(folder, 'fresh.yaml')).mode & 0o077, 0)
})

test('control characters of a name reach no terminal, and no comment', () => {
  const { status, stdout, stderr } = turnpike([
    'import',
    write('kong.yml', `${FILE}plugins:\n  - { name: "p\\e[2J" }\n`),
    '--skip-unsupported',
  ])
  assert.equal(status, 0, stderr)
  assert.ok(!`${stdout}${stderr}`.includes('\u001b'), `${stdout}${stderr}`)
})

test('what is unsupported keeps the file from being written, and is reported all the same', () => {
  const { status, stdout, stderr } = turnpike(['import', write('kong.yml', UNSUPPORTED), '-o', 'never.yaml'])
  assert.equal(status, 1)
  assert.match(stderr, /kong\.yml:19:11: error: plugin openid-connect cannot be carried over/)
  assert.match(stdout, /✖ unsupported {2}plugin openid-connect \(line 19\)\n {6}of Kong Enterprise; use jwt natively/)
  assert.match(stderr, /nothing is written\. `--skip-unsupported` leaves it out/)
  assert.equal(existsSync(join(folder, 'never.yaml')), false)
})

test('with --skip-unsupported it is left out, and stands in the head of the file', () => {
  const { status, stdout } = turnpike(['import', write('kong.yml', UNSUPPORTED), '--skip-unsupported'])
  assert.equal(status, 0)
  assert.match(stdout, /^# plugin openid-connect: unsupported: of Kong Enterprise/m)
  assert.match(stdout, /^ {2}cors:cors:/m)
})

test('the report as JSON has each entity and each field, with its line', () => {
  const { status, stderr } = turnpike(['import', write('kong.yml', FILE), '--report', 'json', '--report-file', 'report.json'])
  assert.equal(status, 0, stderr)
  const report = JSON.parse(read('report.json')) as FidelityReport
  assert.deepEqual(Object.keys(report), ['file', 'entities', 'fields', 'always', 'details'])
  assert.deepEqual(report.entities, { exact: 3, approximated: 3, unsupported: 0 })
  const route = report.details.find(({ entity }) => entity === 'route users')
  assert.deepEqual(route, {
    kind: 'routes',
    entity: 'route users',
    line: 8,
    fidelity: 'approximated',
    reasons: [],
    fields: [
      { field: 'name', fidelity: 'exact', reasons: [], line: 8 },
      { field: 'paths', fidelity: 'exact', reasons: [], line: 9 },
      {
        field: 'path_handling',
        fidelity: 'approximated',
        reasons: ["`v1` does nothing under Kong's default router, and does nothing here"],
        line: 10,
      },
    ],
  })
})

test('no line of the report is longer than a terminal of 80 columns', () => {
  const { stderr } = turnpike(['import', write('kong.yml', UNSUPPORTED), '--skip-unsupported'])
  const report = stderr.slice(stderr.indexOf('Fidelity of'))
  for (const line of report.split('\n')) assert.ok(line.length <= 80, line)
})

test('a file that names another by a relative path is to stand beside it', () => {
  mkdirSync(join(folder, 'elsewhere'), { recursive: true })
  copyFileSync(join(ROOT, 'examples', 'grpc-transcoding', 'library.proto'), join(folder, 'library.proto'))
  const text = `_format_version: "3.0"
services:
  - name: library
    protocol: grpc
    host: library.internal
    port: 50051
    routes: [{ name: library, protocols: [http], paths: [/v1] }]
    plugins: [{ name: grpc-gateway, config: { proto: library.proto } }]
`
  const kong = write('grpc.yml', text)
  const beside = turnpike(['import', kong, '-o', 'grpc.yaml', '--force'])
  assert.equal(beside.status, 0, beside.stderr)
  const elsewhere = turnpike(['import', kong, '-o', 'elsewhere/grpc.yaml'])
  assert.equal(elsewhere.status, 1)
  assert.match(elsewhere.stderr, /which is not written\. Paths in it start at its folder: write it beside grpc\.yml/)
  assert.equal(existsSync(join(folder, 'elsewhere', 'grpc.yaml')), false)
})

test('what Kong would refuse is told with its place, and nothing is written', () => {
  const { status, stdout, stderr } = turnpike(['import', write('kong.yml', FILE.replace('paths', 'pathes'))])
  assert.equal(status, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /kong\.yml:9:9: error: unknown key `pathes`; did you mean `paths`\?/)
})

test('a file that is none of Kong’s is refused with what it lacks', () => {
  const { status, stderr } = turnpike(['import', write('native.yaml', 'listeners: [{ port: 8080 }]\n')])
  assert.equal(status, 1)
  assert.match(stderr, /native\.yaml is no Kong file: it has no `_format_version`/)
})

test('the file of the mission is imported, and both forms answer the same', () => {
  const { status, stderr } = turnpike(
    ['import', 'kong.yml', '-o', join(folder, 'mission.yaml'), '--verify'],
    join(ROOT, 'examples', 'kong'),
  )
  assert.equal(status, 0, stderr)
  const [, requests, proxied] =
    /verified: (\d+) requests through both forms, (\d+) of them to a service, the same answers/.exec(stderr) ?? []
  assert.ok(Number(requests) >= 100 && Number(proxied) >= 50, stderr)
})

test('what a Kong file calls things stays within the comments', () => {
  const odd = '"odd\\ncompatibility: x\\r\\u2028admin: {}"'
  const kong = write('odd.yml', `${FILE}plugins:\n  - name: ${odd}\n`)
  const { stdout, stderr } = turnpike(['import', kong, '--skip-unsupported'])
  assert.match(stdout, /^# plugin odd compatibility: x admin: \{\}: /m, stderr)
  assert.doesNotMatch(stdout, /^(compatibility: x|admin:)/m)
  assert.doesNotMatch(stdout, /[\r\u2028]/)
})
